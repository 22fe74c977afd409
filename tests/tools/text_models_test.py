#!/usr/bin/env python3
"""Rehearsal sets for any student, and `bench adapt` for one that reads text only.

  text_models_test.py FRESHET FIXTURES SCENES
"""

import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

from text_model_shape import write_text_model_shape

FRESHET, FIXTURES, SCENES = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])


def freshet(*arguments):
    return subprocess.run([FRESHET, *map(str, arguments)], capture_output=True, text=True, timeout=300)


def rehearsal_of(folder):
    """Shape of the patches, the questions as [group, question, answer], and the pixels."""
    data = (folder / "rehearsal.safetensors").read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    return header["patches"]["shape"], json.loads(header["__metadata__"]["questions"]), data[8 + length:]


def png(width, height, pixel):
    """pixel(x) -> (r, g, b)"""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    row = b"\0" + b"".join(bytes(pixel(x)) for x in range(width))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(row * height)) + chunk(b"IEND", b""))


class text_models(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="freshet-text-"))
        shape = write_text_model_shape(FIXTURES, cls.folder / "shape")
        for seed, name in enumerate(["student", "teacher"], 1):
            made = freshet("models", "random", shape, "--out", cls.folder / name, "--seed", seed)
            assert made.returncode == 0, made.stderr
        cls.data = cls.folder / "data"
        cls.data.mkdir()
        for split, count in [("train", 40), ("test", 64)]:
            for domain, word in [("law", "statute"), ("medicine", "dose")]:
                lines = [json.dumps({"question": f"{word} {n} of {split}?", "answer": str(n % 7)}) for n in range(count)]
                # Nobody who reads text only can use the first, and nobody can rehearse what has no answer.
                lines += ['{"image": "no.png", "question": "what is it?", "answer": "a"}', '{"question": "and this?"}']
                # The model reads 256 positions at most.
                if split == "test":
                    lines[8] = json.dumps({"question": "why " * 600, "answer": "1"})
                (cls.data / f"{domain}.{split}.jsonl").write_text("\n".join(lines) + "\n")
        (cls.folder / "settings.toml").write_text('[uplink_filter]\nbudget_bytes_per_sample = "35B"\n'
                                                  "[distiller.terms]\nconfidence_floor = 0.0\n")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def rehearsal(self, model, *options):
        return freshet("models", "rehearsal", self.folder / model, *options)

    def test_a_rehearsal_set_of_text(self):
        done = self.rehearsal("student", "--data", self.data, "--phase", "medicine", "--samples", 100, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)
        shape, questions, _ = rehearsal_of(self.folder / "student")
        self.assertEqual(shape, [40, 0, 0], "a group for each answered question, and no pixels")
        self.assertEqual(sorted(q for _, q, _ in questions), sorted(f"dose {n} of train?" for n in range(40)),
                         "all of the train split, of that phase only, nothing of the test split")
        self.assertTrue(all(str(int(q.split()[1]) % 7) == a for _, q, a in questions))
        self.assertEqual((told["phase"], told["pictures"], told["questions"], told["held_out"]), ("medicine", 40, 40, 5))
        self.assertEqual(told["skipped"], "1 unread_picture")
        again = self.rehearsal("student", "--data", self.data, "--phase", "law", "--samples", 16)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("16 questions of phase law in 16 groups, 2 of them for examinations", again.stdout)

    def test_a_rehearsal_set_of_pictures(self):
        shutil.copytree(SCENES / "student", self.folder / "eyes")
        (self.folder / "eyes/rehearsal.safetensors").unlink()
        done = self.rehearsal("eyes", "--data", "scenes", "--samples", 24, "--questions", 2)
        self.assertEqual(done.returncode, 0, done.stderr)
        shape, questions, _ = rehearsal_of(self.folder / "eyes")
        self.assertEqual(shape, [24, *rehearsal_of(SCENES / "student")[0][1:]], "the form that pretraining leaves")
        self.assertEqual(len(questions), 48)

    def test_pictures_of_files_are_seen_as_the_device_sees_them(self):
        # Three stripes, three times as wide as high. A device's stream is squares of the student's size before its image
        # processor looks: all three stripes stay, whatever that would cut from the middle of the file.
        eyes, data = self.folder / "clip", self.folder / "stripes"
        shutil.copytree(SCENES / "student", eyes)
        processor = json.loads((FIXTURES / "preprocess/clip/preprocessor_config.json").read_text())
        processor.update(crop_size={"height": 48, "width": 48}, size={"shortest_edge": 48})
        (eyes / "preprocessor_config.json").write_text(json.dumps(processor))
        data.mkdir()
        colours = [(200, 10, 10), (10, 200, 10), (10, 10, 200)]
        (data / "a.png").write_bytes(png(144, 48, lambda x: colours[x // 48]))
        long = " ".join(["red"] * 40)
        (data / "train.jsonl").write_text("\n".join([
            '{"image": "a.png", "question": "what color is the circle ?", "answer": "red"}', "not a line of json",
            json.dumps({"image": "a.png", "question": "is there a circle ?", "answer": long})]) + "\n")
        (data / "test.jsonl").write_text("")
        done = self.rehearsal("clip", "--data", data, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)
        self.assertEqual((told["pictures"], told["questions"]), (1, 1))
        self.assertIn("1 bad_line", told["skipped"])
        self.assertIn("1 oversized", told["skipped"], "no device says forty words")
        shape, _, pixels = rehearsal_of(eyes)
        self.assertEqual(shape, [1, 36, 192])
        for cell in range(36):
            red, green, blue = (sum(pixels[cell * 192 + c:(cell + 1) * 192:3]) for c in range(3))
            self.assertEqual([red, green, blue].index(max(red, green, blue)), cell % 6 // 2, f"cell {cell}")

    def test_what_cannot_be_rehearsed_is_told(self):
        for wrong, options in [("\"scenes\" are pictures", ["--data", "scenes"]),
                               ("domain \"physics\"; there are law, medicine", ["--data", self.data, "--phase", "physics"]),
                               ("name the student's own with --phase; there are law, medicine", ["--data", self.data]),
                               ("physics", ["--data", self.data / "law.train.jsonl", "--phase", "physics"]),
                               ("reads text only, where \"clean\" is right",
                                ["--data", self.data / "law.train.jsonl", "--phase", "fog"])]:
            done = self.rehearsal("teacher", *options)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(wrong, done.stderr)
        self.assertFalse((self.folder / "teacher/rehearsal.safetensors").exists())

    def adapt(self, *options, settings="settings.toml"):
        return freshet("bench", "adapt", "--teacher", self.folder / "teacher", "--student", self.folder / "student", "--data", self.data,
                       "--devices", 1, "--samples-per-tick", 16, "--settings", self.folder / settings, *options)

    def test_policies_are_compared(self):
        report = self.folder / "report.json"
        done = self.adapt("--policies", "frozen,freshet,dense", "--samples-per-phase", 48, "--json", report)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("of text", done.stdout)
        self.assertNotIn("of PNG", done.stdout)
        found = json.loads(report.read_text())
        self.assertEqual(found["phases"], ["law", "medicine", "law"])
        self.assertEqual(found["references"]["png_bytes_per_sample"], 0)
        self.assertGreater(found["references"]["text_bytes_per_sample"], len("dose 1 of test?") - 1)
        self.assertLess(found["references"]["text_bytes_per_sample"], len("statute 10 of test?") + 1, "of what is read")
        frozen, ours, dense = found["policies"]
        for policy in (frozen, ours, dense):
            self.assertEqual(policy["skipped_samples"], 2, "one in each domain")
            self.assertEqual(policy["samples"], 47 + 47 + 13, "what cannot be read is not wrong; law goes on where it stopped, to its end")
        self.assertIn("2 samples skipped", done.stderr)
        self.assertEqual((frozen["refreshes"], frozen["trained_samples"]), (0, 0))
        for policy in (ours, dense):
            self.assertGreater(policy["refreshes"], 0)
            self.assertGreater(policy["trained_samples"], 0)
            self.assertEqual(policy["stragglers"], 0, "the device has the mirror's bits")
        # A budget below what all would cost; the tick's end costs some bytes whatever is sent.
        self.assertLess(ours["uplink_bytes"], 0.85 * dense["uplink_bytes"])

    def test_a_world_that_the_student_cannot_read_ends(self):
        shutil.copytree(SCENES / "student", self.folder / "short")
        config = json.loads((self.folder / "short/config.json").read_text())
        config["text_config"]["max_position_embeddings"] = 16
        (self.folder / "short/config.json").write_text(json.dumps(config))
        before = (self.folder / "short/rehearsal.safetensors").read_bytes()
        done = self.rehearsal("short", "--data", "scenes")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no answered question that", done.stderr)
        self.assertEqual((self.folder / "short/rehearsal.safetensors").read_bytes(), before)

    def test_without_names_only_policies_that_fit_are_compared(self):
        report = self.folder / "all.json"
        done = self.adapt("--phases", "law", "--samples-per-phase", 16, "--json", report)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([p["name"] for p in json.loads(report.read_text())["policies"]],
                         ["frozen", "pseudo-label", "random", "ugs", "ams", "dense", "freshet"])
        for name in ("cd-cca", "cd-cca-budget"):
            self.assertIn(f"left out: {name} (", done.stderr)

    def test_features_are_for_models_with_one_vision_tower(self):
        run = ("bench", "adapt", "--models", SCENES, "--phases", "clean", "--samples-per-phase", 16, "--samples-per-tick", 16, "--devices", 1)
        done = freshet(*run, "--policies", "frozen,features")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("policy features: features travel", done.stderr)
        self.assertNotIn("seed 1", done.stderr, "told before anything runs")
        (self.folder / "self.toml").write_text('[teacher]\nkind = "self"\n')
        done = freshet(*run, "--policies", "features", "--settings", self.folder / "self.toml", "--json", self.folder / "features.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(json.loads((self.folder / "features.json").read_text())["policies"][0]["uplink_bytes"], 0)

    def test_an_error_of_the_plan_is_no_misfit(self):
        (self.folder / "wrong.toml").write_text("[uplink_filter]\nprobe_shore = 0.1\n")
        done = self.adapt(settings="wrong.toml")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("probe_shore", done.stderr)
        self.assertNotIn("left out", done.stderr)

    def test_policies_of_pictures_are_told_before_anything_runs(self):
        done = self.adapt("--policies", "frozen,cd-cca")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("policy cd-cca:", done.stderr)
        self.assertIn("distiller.terms.visual_qkd = 1.0 compares visual tokens, 0 is right", done.stderr)
        self.assertNotIn("[1/", done.stderr)


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main(verbosity=2)

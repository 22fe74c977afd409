#!/usr/bin/env python3
"""What commands do for a student that reads text only: its rehearsal set, and `bench adapt`.

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

FRESHET, FIXTURES, SCENES = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])


def freshet(*arguments):
    return subprocess.run([FRESHET, *map(str, arguments)], capture_output=True, text=True, timeout=300)


def rehearsal_of(folder):
    """Shape of the patches, and the questions as [group, question, answer]."""
    data = (folder / "rehearsal.safetensors").read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    return header["patches"]["shape"], json.loads(header["__metadata__"]["questions"])


class text_models(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="freshet-text-"))
        shape = cls.folder / "shape"
        shape.mkdir()
        config = json.loads((FIXTURES / "qwen2/config.json").read_text())
        config["vocab_size"] = 1024
        (shape / "config.json").write_text(json.dumps(config))
        shutil.copy(FIXTURES / "tokenizers/tiny_qwen2/tokenizer.json", shape)
        (shape / "tokenizer_config.json").write_text('{"eos_token": "<|im_end|>"}')
        for seed, name in enumerate(["student", "teacher"], 1):
            made = freshet("models", "random", shape / "config.json", "--out", cls.folder / name, "--seed", seed)
            assert made.returncode == 0, made.stderr
        cls.data = cls.folder / "data"
        cls.data.mkdir()
        for split, count in [("train", 40), ("test", 64)]:
            for domain, word in [("law", "statute"), ("medicine", "dose")]:
                lines = [json.dumps({"question": f"{word} {n} of {split}?", "answer": str(n % 7)}) for n in range(count)]
                # Nobody who reads text only can use the first, and nobody can rehearse what has no answer.
                lines += ['{"image": "no.png", "question": "what is it?", "answer": "a"}', '{"question": "and this?"}']
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
        shape, questions = rehearsal_of(self.folder / "student")
        self.assertEqual(shape, [40, 0, 0], "a group for each answered question, and no pixels")
        self.assertEqual(sorted(q for _, q, _ in questions), sorted(f"dose {n} of train?" for n in range(40)),
                         "all of the train split, of that phase only, nothing of the test split")
        self.assertTrue(all(str(int(q.split()[1]) % 7) == a for _, q, a in questions))
        self.assertEqual((told["phase"], told["pictures"], told["questions"], told["held_out"]), ("medicine", 40, 40, 5))
        self.assertEqual(told["skipped"], "1 unread_picture")
        again = self.rehearsal("student", "--data", self.data, "--samples", 16)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("16 questions of phase law in 16 groups, 2 of them for examinations", again.stdout)

    def test_a_rehearsal_set_of_pictures(self):
        shutil.copytree(SCENES / "student", self.folder / "eyes")
        (self.folder / "eyes/rehearsal.safetensors").unlink()
        done = self.rehearsal("eyes", "--data", "scenes", "--samples", 24, "--questions", 2)
        self.assertEqual(done.returncode, 0, done.stderr)
        shape, questions = rehearsal_of(self.folder / "eyes")
        self.assertEqual(shape, [24, *rehearsal_of(SCENES / "student")[0][1:]], "the form that pretraining leaves")
        self.assertEqual(len(questions), 48)

    def test_what_cannot_be_rehearsed_is_told(self):
        for wrong, options in [("\"scenes\" are pictures", ["--data", "scenes"]),
                               ("domain \"physics\"; there are law, medicine", ["--data", self.data, "--phase", "physics"]),
                               ("reads text only, where \"clean\" is right",
                                ["--data", self.data / "law.train.jsonl", "--phase", "fog"])]:
            done = self.rehearsal("teacher", *options)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(wrong, done.stderr)
        self.assertFalse((self.folder / "teacher/rehearsal.safetensors").exists())

    def adapt(self, *options):
        return freshet("bench", "adapt", "--teacher", self.folder / "teacher", "--student", self.folder / "student", "--data", self.data,
                       "--devices", 1, "--samples-per-tick", 16, "--settings", self.folder / "settings.toml", *options)

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
        frozen, ours, dense = found["policies"]
        self.assertEqual((frozen["refreshes"], frozen["trained_samples"]), (0, 0))
        for policy in (ours, dense):
            self.assertGreater(policy["refreshes"], 0)
            self.assertGreater(policy["trained_samples"], 0)
            self.assertEqual(policy["stragglers"], 0, "the device has the mirror's bits")
        # A budget below what all would cost; the tick's end costs some bytes whatever is sent.
        self.assertLess(ours["uplink_bytes"], 0.85 * dense["uplink_bytes"])

    def test_policies_of_pictures_are_told_before_anything_runs(self):
        done = self.adapt("--policies", "frozen,cd-cca")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("policy cd-cca:", done.stderr)
        self.assertIn("distiller.terms.visual_qkd = 1.0 compares visual tokens, 0 is right", done.stderr)
        self.assertNotIn("[1/", done.stderr)


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main(verbosity=2)

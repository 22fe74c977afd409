#!/usr/bin/env python3
"""freshet models check: the folders that a configuration names, and whether they belong together.

  models_check_test.py FRESHET FIXTURES SCENES
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from text_model_shape import write_text_model_shape

FRESHET, FIXTURES, SCENES = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])


def freshet(*arguments):
    return subprocess.run([FRESHET, *map(str, arguments)], capture_output=True, text=True, timeout=300)


class models_check(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="freshet-check-"))
        shape = write_text_model_shape(FIXTURES, cls.folder / "shape")
        made = freshet("models", "random", shape, "--out", cls.folder / "reader")
        assert made.returncode == 0, made.stderr
        shutil.copytree(SCENES / "student", cls.folder / "copy")
        other = freshet("models", "random", SCENES / "student/config.json", "--out", cls.folder / "other", "--seed", 9)
        assert other.returncode == 0, other.stderr

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def write(self, student=SCENES / "student", device=None, teacher=SCENES / "teacher", more=""):
        text = f'[distiller]\nstudent = "{student}"\n[device]\nmodel = "{device or student}"\n[teacher]\nmodel = "{teacher}"\n{more}'
        for node in ["cloud", "edge"]:
            text += f'[[nodes]]\nname = "{node}"\nlisten = ["ipc://{self.folder}/{node}"]\n'
        for kind in ["intake", "teacher", "distiller", "compressor", "deployer"]:
            text += f'[[roles]]\nkind = "{kind}"\nnode = "cloud"\n'
        text += '[[roles]]\nkind = "uplink_filter"\nnode = "edge"\n[[roles]]\nkind = "device"\nnode = "edge"\nreplicas = 3\n'
        file = self.folder / "plan.toml"
        file.write_text(text)
        return file

    def check(self, *options, **plan):
        return freshet("models", "check", "-c", self.write(**plan), *options)

    def test_the_shipped_pair_is_right(self):
        done = freshet("models", "check")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, "(?m)^distiller.student, device.model: .*student$")
        found = json.loads(freshet("models", "check", "--json").stdout)
        self.assertEqual([pathlib.Path(m["folder"]).name for m in found["models"]], ["student", "teacher"])
        self.assertEqual(found["problems"], [])
        values = json.loads(freshet("models", "inspect", SCENES / "teacher", "--json").stdout)["parameters"]["values"]
        self.assertEqual(found["models"][1]["values"], values)

    def test_a_folder_that_is_not_there_is_told_once_with_its_place(self):
        done = self.check(device=self.folder / "nowhere")
        self.assertEqual(done.returncode, 3)
        lines = done.stderr.strip().splitlines()
        self.assertEqual(len(lines), 1, "three devices, one problem")
        self.assertRegex(lines[0], r"plan\.toml:\d+:\d+: device\.model: .*nowhere")

    def test_only_a_nodes_own_folders(self):
        plan = {"teacher": self.folder / "nowhere"}
        self.assertEqual(self.check("--node", "edge", **plan).returncode, 0)
        self.assertEqual(self.check("--node", "cloud", **plan).returncode, 3)
        done = self.check("--node", "hill", **plan)
        self.assertEqual(done.returncode, 1)
        self.assertIn("it has cloud, edge", done.stderr)

    def test_devices_and_distiller_have_the_same_student(self):
        self.assertEqual(self.check(device=self.folder / "copy").returncode, 0, "a copy of the folder is the same student")
        done = self.check(device=self.folder / "other")
        self.assertEqual(done.returncode, 3)
        self.assertIn("would take no version", done.stderr)

    def test_compressor_and_deployer_have_the_students_folder_too(self):
        text = self.write(student=self.folder / "nowhere", device=SCENES / "student")
        text.write_text(text.read_text().replace('kind = "deployer"\nnode = "cloud"', 'kind = "deployer"\nnode = "edge"'))
        done = freshet("models", "check", "-c", text, "--node", "edge")
        self.assertEqual(done.returncode, 3)
        self.assertIn("nowhere", done.stderr)

    def test_a_template_with_tokens_that_the_model_lacks(self):
        shape = write_text_model_shape(FIXTURES, self.folder / "short", words=900)
        made = freshet("models", "random", shape, "--out", self.folder / "few-words")
        self.assertEqual(made.returncode, 0, made.stderr)
        done = self.check(teacher=self.folder / "few-words", more='chat_template = "chatml"\n')
        self.assertEqual(done.returncode, 3)
        self.assertIn("the model 900 tokens", done.stderr)

    def test_what_the_student_must_not_forget_is_read(self):
        shutil.copytree(SCENES / "student", self.folder / "forgetful")
        (self.folder / "forgetful/rehearsal.safetensors").write_bytes(b"no such thing")
        done = self.check(student=self.folder / "forgetful")
        self.assertEqual(done.returncode, 3)
        self.assertIn("rehearsal.safetensors", done.stderr)

    def test_a_teacher_sees_what_the_student_sees(self):
        done = self.check(teacher=self.folder / "reader")
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stderr, r"plan\.toml:\d+:\d+: teacher\.model: ")
        self.assertIn("is a decoder alone", done.stderr)

    def test_what_a_student_of_text_cannot_do(self):
        (self.folder / "texts.jsonl").write_text('{"question": "why?", "answer": "so"}\n')
        texts = f'[device.source]\nfrom = "{self.folder}/texts.jsonl"\nphases = ["clean"]\n'
        plan = {"student": self.folder / "reader", "teacher": self.folder / "reader"}
        reader = '[uplink_filter]\nscores = ["%s"]\ngate = "budget"\n'
        done = self.check(more=texts + reader % "mahalanobis", **plan)
        self.assertEqual(done.returncode, 3)
        self.assertIn("mahalanobis", done.stderr)
        self.assertIn("device.model", done.stderr)
        right = self.check(more=texts + reader % "entropy" + "[distiller.terms]\nvisual_qkd = 0.0\n", **plan)
        self.assertEqual(right.returncode, 0, right.stderr)

    def test_features_travel_between_one_tower_only(self):
        more = '[uplink_filter]\nformat = "features"\n'
        plan = {"more": more, "teacher": SCENES / "teacher"}
        text = self.write(**plan)
        text.write_text(text.read_text().replace("[distiller]\n", "[distiller]\ntrain_vision = false\n"))
        done = freshet("models", "check", "-c", text)
        self.assertEqual(done.returncode, 3)
        self.assertIn("vision tower of teacher.model", done.stderr)
        text.write_text(text.read_text().replace(str(SCENES / "teacher"), str(SCENES / "student")))
        self.assertEqual(freshet("models", "check", "-c", text).returncode, 0)

    def test_targets_that_name_no_layer(self):
        text = self.write()
        text.write_text(text.read_text().replace("[distiller]\n", '[distiller]\nlora_targets = ["no_proj"]\n'))
        done = freshet("models", "check", "-c", text)
        self.assertEqual(done.returncode, 3)
        self.assertIn("distiller.lora_targets (no_proj)", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

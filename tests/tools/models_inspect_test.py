#!/usr/bin/env python3
"""freshet models inspect: figures for people and for scripts, and what it says of folders that do not fit.

  models_inspect_test.py FRESHET FIXTURES
"""

import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

FRESHET, FIXTURES = sys.argv[1], pathlib.Path(sys.argv[2])


def inspect(folder, *options):
    return subprocess.run([FRESHET, "models", "inspect", str(folder), *options], capture_output=True, text=True, timeout=300)


def header_of(file):
    data = file.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:8 + length]), data[8 + length:]


def values_of(file):
    """Counted from the file itself."""
    total = 0
    for name, entry in header_of(file)[0].items():
        if name == "__metadata__":
            continue
        count = 1
        for d in entry["shape"]:
            count *= d
        total += count
    return total


class models_inspect(unittest.TestCase):
    def test_every_architecture_as_json(self):
        for name, unused in [("llama", 0), ("llama3_rope", 0), ("qwen2", 0), ("llava_clip_llama", 64),
                             ("llava_siglip_qwen2", 64), ("idefics3", 0), ("smolvlm", 0), ("qwen2_vl", 0)]:
            done = inspect(FIXTURES / name, "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            found = json.loads(done.stdout)
            config = json.loads((FIXTURES / name / "config.json").read_text())
            self.assertEqual(found["architecture"], config["model_type"])
            self.assertEqual(found["class"], config["architectures"][0])
            values = found["parameters"]["values"]
            self.assertEqual(values, values_of(FIXTURES / name / "model.safetensors") - unused)
            self.assertEqual(sum(p["values"] for p in found["parameters"]["parts"].values()), values)
            self.assertEqual(found["memory_bytes"]["f32"], 4 * values)
            self.assertGreater(found["trainable"]["values"], 0)
            self.assertEqual(len(found["line"]), 16)
            self.assertEqual("picture" in found, "vision_config" in config)

    def test_the_line_follows_the_adapters(self):
        lines = {json.loads(inspect(FIXTURES / "llama", "--json", *o).stdout)["line"]
                 for o in [(), ("--hash",), ("--rank", "4"), ("--alpha", "3"), ("--targets", "q_proj,v_proj"), ("--seed", "2")]}
        self.assertEqual(len(lines), 5)  # --hash changes nothing

    def test_for_people(self):
        done = inspect(FIXTURES / "llava_clip_llama", "--rank", "4", "--targets", "q_proj,v_proj")
        self.assertEqual(done.returncode, 0, done.stderr)
        for part in ["LlavaForConditionalGeneration: CLIP tower, MLP connector, Llama decoder", "32 x 32 pixels, 16 visual tokens",
                     "2 tensors are of no use here", "parameters          106 864", "adapters of rank 4 on 10 layers", "f32 "]:
            self.assertIn(part, done.stdout)

    def test_help_teaches(self):
        done = subprocess.run([FRESHET, "models", "inspect", "--help"], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0)
        for part in ["--hash", "only its headers", "distiller.lora_rank"]:
            self.assertIn(part, done.stdout)

    def test_what_does_not_fit_is_listed(self):
        with tempfile.TemporaryDirectory() as folder:
            broken = pathlib.Path(folder) / "broken"
            shutil.copytree(FIXTURES / "qwen2", broken)
            file = broken / "model.safetensors"
            header, data = header_of(file)
            header["model.layers.1.mlp.up.weight"] = header.pop("model.layers.1.mlp.up_proj.weight")
            header["model.norm.weight"]["shape"] = [4, 12]
            text = json.dumps(header).encode()
            text += b" " * (-len(text) % 8)
            file.write_bytes(struct.pack("<Q", len(text)) + text + data)
            done = inspect(broken)
            self.assertEqual(done.returncode, 1)
            for part in [str(file) + ": 3 tensors do not fit", 'nearest is "model.layers.1.mlp.up.weight"',
                         '"model.norm.weight" is [4, 12], config.json asks for [48]', "left over"]:
                self.assertIn(part, done.stderr)
            (broken / "config.json").write_text('{"model_type": "mamba"}')
            done = inspect(broken)
            self.assertEqual(done.returncode, 1)
            self.assertIn("must be one of llava, idefics3, smolvlm, qwen2_vl, llama, qwen2", done.stderr)
            (broken / "config.json").write_text('{"model_type": "qwen2", "hidden_size": "wide"}')
            self.assertEqual(inspect(broken).returncode, 3)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

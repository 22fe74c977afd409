"""A folder for `freshet models random`: a tiny Qwen2 that reads text only, with its tokenizer."""

import json
import shutil


def write_text_model_shape(fixtures, folder, words=1024):
    """Gives the configuration's path."""
    folder.mkdir()
    config = json.loads((fixtures / "qwen2/config.json").read_text())
    config["vocab_size"] = words
    (folder / "config.json").write_text(json.dumps(config))
    shutil.copy(fixtures / "tokenizers/tiny_qwen2/tokenizer.json", folder)
    (folder / "tokenizer_config.json").write_text('{"eos_token": "<|im_end|>"}')
    return folder / "config.json"

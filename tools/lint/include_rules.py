#!/usr/bin/env python3
"""The rules of the house (CONTRIBUTING.md: the house) as tables, checked over every source file.

  include_rules.py [ROOT]     prints FILE:LINE: what is wrong; exit status 1 when something is
"""

import pathlib
import re
import sys

# A file belongs to the longest folder (or file) that its path begins with, and may include only what
# begins with one of these. What stands further left in the design comes first.
BASE = ["kernels/base/"]
KERNELS = ["kernels/"]
CONFIG = KERNELS + ["config/"]
TOPOLOGY = BASE + ["config/", "topology/"]
ACTOR_SHEETS = ["actors/role.hpp", "actors/protocols.hpp"]
LAYERS = {
    "kernels/base/": BASE,
    "kernels/uncertainty/": BASE + ["kernels/uncertainty/"],
    "kernels/delta/": BASE + ["kernels/delta/"],
    "kernels/rollout/": BASE + ["kernels/rollout/"],
    "kernels/scenes/": BASE + ["kernels/scenes/"],
    "kernels/quant/": BASE + ["kernels/quant/"],
    "kernels/model/": BASE + ["kernels/quant/", "kernels/model/"],
    "kernels/distill/": BASE + ["kernels/model/", "kernels/scenes/", "kernels/distill/"],
    "config/": CONFIG,
    "topology/": TOPOLOGY,
    "actors/rt/": TOPOLOGY + ACTOR_SHEETS + ["actors/rt/"],
    "actors/port/": TOPOLOGY + ACTOR_SHEETS + ["actors/rt/", "actors/port/"],
    "actors/store/": BASE + ["actors/store/"],
    "actors/access/": TOPOLOGY + ["kernels/delta/", "actors/rt/", "actors/store/", "actors/access/"],
    # Puts roles together, so it knows them all.
    "actors/assembly/": [*CONFIG, *TOPOLOGY, "actors/"],
    # A role knows kernels, messages and the sheets; another role only by its messages ("OWN" is its own
    # folder, "TOP" files that stand directly in actors/).
    "actors/": CONFIG + TOPOLOGY + ["actors/rt/", "actors/store/", "actors/access/", "OWN", "TOP"],
    "tools/": [""],
    "tests/": [""],
}

# (what, pattern over <...> or "..." includes, where it may stand)
LIBRARIES = [
    ("CAF", r"caf/", ["actors/rt/", "actors/port/", "actors/protocols.hpp", "tests/"]),
    ("ZeroMQ", r"zmq(_addon)?\.h", ["actors/port/", "tools/", "tests/"]),
    ("SQLite", r"sqlite3", ["actors/store/"]),
    ("libsodium", r"sodium", ["kernels/delta/", "actors/access/"]),
    ("toml++", r"toml\+\+|toml\.hpp", ["config/"]),
    ("MessagePack", r"msgpack", ["topology/wire/", "tests/"]),
    ("CLI11", r"CLI/", ["tools/"]),
    ("cpp-httplib", r"httplib\.h", ["tools/", "tests/"]),
    ("utf8proc", r"utf8proc\.h", ["kernels/model/tokenizers/unicode.cpp"]),
    ("RE2", r"re2/", ["kernels/model/peft_config.cpp"]),
    ("SentencePiece", r"sentencepiece", ["tests/"]),
    ("ncurses", r"(n?curses|term)\.h", ["tools/freshet/console/screen.cpp"]),
]
TORCH = re.compile(r"(ATen|torch|c10)/")
NO_TORCH = ["topology/", "config/", "kernels/base/", "kernels/uncertainty/", "kernels/delta/", "kernels/rollout/",
            "kernels/quant/", "kernels/scenes/"]
TORCH_IN_HEADERS = "ATen/core/Tensor.h"

# Tokens, looked for outside of comments and texts.
TOKENS = [
    ("names CAF", re.compile(r"\bcaf::"), ["actors/rt/", "actors/port/", "actors/protocols.hpp", "tests/"]),
    # It jumps. Waits, leases, retries and budgets go by the steady clock; a date is only for people to read.
    ("reads the wall clock", re.compile(r"\b(system_clock|high_resolution_clock|CLOCK_REALTIME|gettimeofday|mktime)\b|\btime\s*\((nullptr|NULL|0|&)"),
     ["tools/", "tests/"]),
]

# Names of LibTorch that <ATen/ATen.h> of 1.13 brings and that of 2.x does not.
BROUGHT_NO_LONGER = [(re.compile(r"\bat::(NoGradGuard|AutoGradMode|GradMode)\b"), "ATen/core/grad_mode.h")]

# A core is plain: it is told the time, and others carry out what it wants done.
CORE_FILE = re.compile(r"_core\.[ch]pp$")
CORE_INCLUDES = re.compile(r"(spdlog|caf)/|zmq|^(thread|mutex|condition_variable|future)$")
CORE_TOKENS = re.compile(r"\bstd::this_thread\b|\bclock::now\s*\(|\bchrono::\w+_clock\b|\b(socket|fork|sleep|usleep)\s*\(")

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
FOLDERS = ["kernels", "config", "topology", "actors", "tools", "tests"]


def allowed_for(path):
    """What `path` may include of the project, or None for a path in no known folder."""
    folder = max((f for f in LAYERS if path.startswith(f)), key=len, default=None)
    if folder is None:
        return None
    parts = path.split("/")
    prefixes = []
    for prefix in LAYERS[folder]:
        if prefix == "OWN":
            if len(parts) > 2:
                prefixes.append(f"actors/{parts[1]}/")
        else:
            prefixes.append(prefix)
    return prefixes


def may_include(path, included):
    for prefix in allowed_for(path):
        if prefix == "TOP":
            if re.fullmatch(r"actors/[^/]+", included):
                return True
        elif included.startswith(prefix):
            return True
    return False


def without_comments_and_texts(text):
    """The same lines with comments and texts blanked."""
    blank = lambda match: re.sub(r"[^\n]", " ", match.group(0))
    pattern = r'//[^\n]*|/\*.*?\*/|R"\((?:.|\n)*?\)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\''
    return re.sub(pattern, blank, text, flags=re.S)


def check_file(path, text, exists):
    """All problems of one file as (line, message); `exists` says whether a project path is a file."""
    problems = []
    header = path.endswith(".hpp")
    core = CORE_FILE.search(path) and path.startswith("actors/")
    own_header = path[: -len(".cpp")] + ".hpp"
    if path.endswith(".hpp") and "#pragma once" not in text:
        problems.append((1, "no #pragma once"))
    first = True
    includes = {match.group(2) for match in map(INCLUDE.match, text.splitlines()) if match}
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, included = match.groups()
        # An own header that comes first is thereby known to compile alone.
        if first and path.endswith(".cpp") and exists(own_header) and included != own_header:
            problems.append((number, f'the first include must be "{own_header}"'))
        first = False
        if quote == '"':
            if not exists(included):
                problems.append((number, f'"{included}" is no path from the root of the project'))
            elif not may_include(path, included):
                problems.append((number, f"may not include {included}: it stands to the right, or beside"))
        for what, pattern, places in LIBRARIES:
            if re.match(pattern, included) and not any(path.startswith(p) for p in places):
                problems.append((number, f"{what} belongs to {', '.join(places)} only"))
        if TORCH.match(included):
            if any(path.startswith(p) for p in NO_TORCH):
                problems.append((number, "LibTorch has no place in this folder"))
            elif header and included != TORCH_IN_HEADERS and not path.startswith("tests/"):
                problems.append((number, f"a header includes at most <{TORCH_IN_HEADERS}> of LibTorch"))
        if path.startswith("config/") and header and included.startswith("toml"):
            problems.append((number, "toml++ only in .cpp files"))
        if core and CORE_INCLUDES.search(included):
            problems.append((number, f"a core may not include {included}"))
    for number, line in enumerate(without_comments_and_texts(text).splitlines(), 1):
        if INCLUDE.match(line):
            continue
        for what, pattern, places in TOKENS:
            if pattern.search(line) and not any(path.startswith(p) for p in places):
                problems.append((number, f"{what}; that is for {', '.join(places)} only"))
        for pattern, wanted in BROUGHT_NO_LONGER:
            if pattern.search(line) and wanted not in includes and not path.startswith("tests/"):
                problems.append((number, f"{pattern.search(line).group(0)} without <{wanted}>, which LibTorch 2.x asks for"))
        if core and (found := CORE_TOKENS.search(line)):
            problems.append((number, f"a core may not use {found.group(0).strip('( ')}: it is told the time"))
    return problems


def check_tree(root):
    root = pathlib.Path(root)
    lines = []
    files = sorted(p for f in FOLDERS for p in (root / f).rglob("*.[ch]pp"))
    for file in files:
        path = file.relative_to(root).as_posix()
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            lines.append(f"{path}:1: not UTF-8")
            continue
        for number, message in check_file(path, text, lambda p: (root / p).is_file()):
            lines.append(f"{path}:{number}: {message}")
    return files, lines


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    files, lines = check_tree(root)
    for line in lines:
        print(line)
    if not files:
        print(f"{root}: no sources found")
        return 1
    print(f"{len(files)} files, {len(lines)} problems")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The lint finds what it is there to find, and nothing else."""

import unittest

from include_rules import check_file


def problems(path, text, files=()):
    if path.endswith(".hpp"):
        text = "#pragma once\n" + text
    return [message for _, message in check_file(path, text, lambda p: p in files)]


class Layers(unittest.TestCase):
    def expect(self, path, included, right):
        found = problems(path, f'#include "{included}"\n', [included])
        self.assertEqual(not found, right, f"{path} -> {included}: {found}")

    def test_direction(self):
        for path, included, right in [
            ("kernels/base/a.hpp", "kernels/base/b.hpp", True),
            ("kernels/base/a.hpp", "kernels/model/b.hpp", False),
            ("kernels/delta/a.cpp", "kernels/uncertainty/b.hpp", False),
            ("kernels/distill/a.cpp", "kernels/model/b.hpp", True),
            ("config/a.cpp", "topology/graph/graph.hpp", False),
            ("topology/graph/a.cpp", "config/document.hpp", True),
            ("topology/graph/a.cpp", "kernels/model/multimodal.hpp", False),
            ("topology/flow/a.cpp", "actors/role.hpp", False),
            ("actors/rt/a.cpp", "actors/role.hpp", True),
            ("actors/rt/a.cpp", "actors/port/b.hpp", False),
            ("actors/port/a.cpp", "actors/rt/b.hpp", True),
            ("actors/teacher/teacher_core.cpp", "kernels/model/multimodal.hpp", True),
            ("actors/teacher/teacher_core.cpp", "actors/teacher/b.hpp", True),
            ("actors/teacher/teacher_core.cpp", "actors/intake/b.hpp", False),
            ("actors/teacher/teacher_core.cpp", "actors/role.hpp", True),
            ("actors/teacher/teacher_core.cpp", "tools/freshet/paths.hpp", False),
            ("tools/freshet/main.cpp", "actors/rt/node.hpp", True),
            ("kernels/base/a.hpp", "tests/support/b.hpp", False),
        ]:
            self.expect(path, included, right)

    def test_paths_start_at_the_root(self):
        self.assertTrue(problems("kernels/base/a.cpp", '#include "b.hpp"\n', ["kernels/base/b.hpp"]))

    def test_own_header_comes_first(self):
        files = ["config/a.hpp", "config/b.hpp"]
        late = '#include "config/b.hpp"\n#include "config/a.hpp"\n'
        self.assertEqual(len(problems("config/a.cpp", late, files)), 1)
        self.assertEqual(problems("config/c.cpp", late, files), [])

    def test_headers_guard_themselves(self):
        self.assertTrue(check_file("config/a.hpp", "int a;\n", lambda p: False))


class Libraries(unittest.TestCase):
    def expect(self, path, included, right):
        found = problems(path, f"#include <{included}>\n")
        self.assertEqual(not found, right, f"{path} -> {included}: {found}")

    def test_places(self):
        for path, included, right in [
            ("actors/rt/a.hpp", "caf/all.hpp", True),
            ("actors/protocols.hpp", "caf/all.hpp", True),
            ("actors/teacher/a.hpp", "caf/all.hpp", False),
            ("actors/port/a.cpp", "zmq.hpp", True),
            ("actors/rt/a.cpp", "zmq.hpp", False),
            ("tools/freshet/stats_client.cpp", "zmq.hpp", True),
            ("config/parse.cpp", "toml++/toml.h", True),
            ("config/parse.hpp", "toml++/toml.h", False),
            ("topology/graph/load.cpp", "toml++/toml.h", False),
            ("topology/wire/codec.cpp", "msgpack.hpp", True),
            ("topology/flow/a.cpp", "msgpack.hpp", False),
            ("kernels/model/a.hpp", "ATen/core/Tensor.h", True),
            ("kernels/model/a.hpp", "ATen/ATen.h", False),
            ("kernels/model/a.cpp", "ATen/ATen.h", True),
            ("kernels/delta/a.cpp", "ATen/ATen.h", False),
            ("topology/wire/a.cpp", "torch/torch.h", False),
            ("actors/device/device_core.hpp", "spdlog/spdlog.h", False),
            ("actors/device/device_core.cpp", "thread", False),
            ("actors/device/device_core.cpp", "vector", True),
            ("actors/rt/system.cpp", "thread", True),
        ]:
            self.expect(path, included, right)


class Tokens(unittest.TestCase):
    def test_caf_is_not_named_elsewhere(self):
        self.assertTrue(problems("actors/teacher/a.cpp", "caf::actor a;\n"))
        self.assertEqual(problems("actors/rt/a.cpp", "caf::actor a;\n"), [])
        self.assertEqual(problems("actors/teacher/a.cpp", "// caf::actor\nauto t = \"caf::actor\";\n"), [])
        self.assertEqual(problems("actors/teacher/a.cpp", "/* caf::a\n caf::b */\n"), [])

    def test_cores_do_not_look_at_clocks(self):
        for line in ["auto t = std::chrono::steady_clock::now();", "std::this_thread::yield();", "auto t = clock::now();"]:
            self.assertTrue(problems("actors/device/device_core.cpp", line + "\n"), line)
            self.assertEqual(problems("actors/rt/real_clock.cpp", line + "\n"), [], line)

    def test_names_that_libtorch_2_brings_no_longer(self):
        guard = "const at::NoGradGuard quiet;\n"
        self.assertTrue(problems("kernels/model/a.cpp", "#include <ATen/ATen.h>\n" + guard))
        self.assertFalse(problems("kernels/model/a.cpp", "#include <ATen/ATen.h>\n#include <ATen/core/grad_mode.h>\n" + guard))

    def test_the_wall_clock_is_for_people(self):
        for line in ["auto t = std::chrono::system_clock::now();", "clock_gettime(CLOCK_REALTIME, &t);", "std::time(nullptr);",
                     "::gettimeofday(&t, nullptr);", "auto t = std::chrono::high_resolution_clock::now();"]:
            self.assertTrue(problems("actors/rt/a.cpp", line + "\n"), line)
            self.assertTrue(problems("kernels/base/a.cpp", line + "\n"), line)
            self.assertEqual(problems("tools/freshet/a.cpp", line + "\n"), [], line)
        self.assertEqual(problems("actors/rt/a.cpp", "auto t = std::chrono::steady_clock::now(); run_time(now);\n"), [])

    def test_lines_are_counted_from_one(self):
        self.assertEqual(check_file("actors/device/a.cpp", "\n\ncaf::actor a;\n", lambda p: False)[0][0], 3)


if __name__ == "__main__":
    unittest.main()

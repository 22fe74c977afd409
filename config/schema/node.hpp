// A node is one process with its sockets. It is named here and populated by [[roles]].
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/schema.hpp"

namespace freshet::config {

/// Names become parts of addresses ("cloud/teacher"), of files and of metrics.
[[nodiscard]] std::string name_problem(const std::string& name);
/// A public key of `freshet keys`: 64 hexadecimal digits. Empty when it is one.
[[nodiscard]] std::string public_key_problem(const std::string& text);

struct node_settings {
  std::string name;
  std::vector<std::string> listen;
  std::string public_key;
  std::string enrol;
  bool insecure = false;
  std::uint32_t threads = 1;
  milliseconds stop_within = milliseconds(5000);

  static void describe(schema<node_settings>& s) {
    s.setting("name", &node_settings::name, "Letters, digits, hyphens and underscores; unique.")
        .check(name_problem)
        .required()
        .example("cloud");
    s.setting("listen", &node_settings::listen,
              "Where other nodes reach this one: ipc://PATH (relative to state_dir) on one host, or tcp://HOST:PORT "
              "with a public_key. A node that is never reached from outside, such as a device, needs none.")
        .example({"ipc://cloud.sock"});
    s.setting("public_key", &node_settings::public_key,
              "For a node that listens on tcp: the public half of its link key, as `freshet keys new` prints it. Whoever "
              "connects encrypts for this key and meets nobody else; who may come in says `freshet keys list`.")
        .check(public_key_problem)
        .optional()
        .example("0f2d1c7e5b8a49363c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b");
    s.setting("enrol", &node_settings::enrol,
              "Where a device that has no place in the list yet hands in its one-time token (`freshet keys token`): "
              "tcp://HOST:PORT, apart from `listen`. Left out, devices are enrolled by hand.")
        .optional()
        .example("tcp://192.0.2.7:5556");
    s.setting("insecure", &node_settings::insecure,
              "Allow tcp without encryption, on the loopback interface only.");
    s.setting("threads", &node_settings::threads, "Threads of one numeric operation, over all roles of the node.")
        .between(1, 1024)
        .unit("threads");
    s.setting("stop_within", &node_settings::stop_within, "A stop in order may take this long before it is enforced.")
        .between(milliseconds(100), milliseconds(600'000));
  }
};

}  // namespace freshet::config

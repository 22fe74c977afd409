// A node is one process with its sockets. It is named here and populated by [[roles]].
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/schema.hpp"

namespace freshet::config {

/// Names become parts of addresses ("cloud/teacher"), of files and of metrics.
[[nodiscard]] std::string name_problem(const std::string& name);

struct node_settings {
  std::string name;
  std::vector<std::string> listen;
  bool insecure = false;
  std::uint32_t threads = 1;
  milliseconds stop_within = milliseconds(5000);

  static void describe(schema<node_settings>& s) {
    s.setting("name", &node_settings::name, "Letters, digits, hyphens and underscores; unique.")
        .check(name_problem)
        .required()
        .example("cloud");
    s.setting("listen", &node_settings::listen,
              "Where other nodes reach this one: ipc://PATH (relative to state_dir) on one host, or "
              "tcp://127.0.0.1:PORT. A node that is never reached from outside, such as a device, needs none.")
        .example({"ipc://cloud.sock"});
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

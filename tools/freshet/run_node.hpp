// Runs one node of a topology in this process until it is told to stop.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "kernels/base/result.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/stop_token.hpp"
#include "topology/graph/graph.hpp"

namespace freshet::cli {

struct node_run {
  stop_token stop;
  std::uint64_t revision = 0;              ///< of the topology; 0 = not known
  bool await = false;                      ///< start no role before CONTROL says so
  std::string launcher;                    ///< path of the launcher's socket; empty: nobody launched it
  std::function<bool()> reload_wanted = [] { return false; };   ///< since it was last asked
  std::function<void()> read_again = [] {};
};

/// Blocks. exit_ok after a stop in order; problems are told on standard error before the return. A role that does not
/// end in time ends the process (service/drain.hpp).
exit_code run_node(const topology::graph& graph, const std::string& node, const node_run& how);

}  // namespace freshet::cli

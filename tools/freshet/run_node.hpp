// Runs one node of a topology in this process until it is told to stop.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/base/result.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/stop_token.hpp"
#include "topology/graph/graph.hpp"

namespace freshet::cli {

struct node_start {
  std::uint64_t revision = 0;   ///< of the topology; 0 = not known
  bool await = false;           ///< start no role before CONTROL says so
};

/// Blocks. exit_ok after a stop in order; problems are told on standard error before the return.
exit_code run_node(const topology::graph& graph, const std::string& node, const node_start& start,
                   const stop_token& stop);

}  // namespace freshet::cli

// Asks a running daemon for its figures, over the same frames and sockets that roles use. To the
// daemon it is one more node that connects, named after this process.
// Thread contract: owned by one thread.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "kernels/base/result.hpp"
#include "tools/freshet/console_line.hpp"
#include "topology/graph/graph.hpp"

namespace freshet::cli {

class stats_client {
 public:
  /// Connects in the background to the node that has STATS; fails when the graph has none, or none that
  /// another process can reach.
  static result<stats_client> open(const topology::graph& graph);

  /// The stats document (stats_document.md); errc::timeout when nobody answers within `patience`.
  result<std::string> fetch(std::chrono::milliseconds patience);

 private:
  explicit stats_client(console_line line) : line_(std::move(line)) {}
  console_line line_;
};

}  // namespace freshet::cli

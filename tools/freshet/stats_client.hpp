// Asks a running daemon for its figures, over the same frames and sockets that roles use. To the
// daemon it is one more node that connects, named after this process.
// Thread contract: owned by one thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "kernels/base/result.hpp"
#include "topology/graph/graph.hpp"

namespace freshet::cli {

class stats_client {
 public:
  /// Connects in the background to the node that has STATS; fails when the graph has none, or none that
  /// another process can reach.
  static result<stats_client> open(const topology::graph& graph);
  stats_client(stats_client&&) noexcept;
  stats_client& operator=(stats_client&&) noexcept;
  ~stats_client();

  /// The stats document (stats_document.md); errc::timeout when nobody answers within `patience`.
  result<std::string> fetch(std::chrono::milliseconds patience);

 private:
  struct state;
  explicit stats_client(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

}  // namespace freshet::cli

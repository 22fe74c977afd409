// Asks a running daemon for its figures over the same links that roles use.
#pragma once

#include <chrono>
#include <string>

#include "kernels/base/result.hpp"
#include "topology/graph/graph.hpp"

namespace freshet::cli {

/// The stats document (stats_document.md) of the daemon that runs this graph, or why there is none within
/// `patience`: errc::unavailable or timeout when nobody answers.
result<std::string> fetch_stats(const topology::graph& graph, std::chrono::milliseconds patience);

}  // namespace freshet::cli

// The daemon's figures in the text form that Prometheus reads. Names are freshet_<thing>_<unit>[_total]; labels
// are node and kind of role: replicas of one kind on one node are added up, never told apart.
// Thread contract: a pure function, but for the memory of processes, which it looks up.
#pragma once

#include "tools/freshet/service/service_view.hpp"
#include "topology/graph/graph.hpp"

#include <chrono>
#include <string>

namespace freshet::cli {

[[nodiscard]] std::string metrics_text(const service_view& view, const topology::graph& graph,
                                       std::chrono::steady_clock::time_point now);

}  // namespace freshet::cli

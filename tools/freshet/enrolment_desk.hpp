// The desk of a node whose topology has one (nodes.enrol): its list of keys behind an endpoint.
#pragma once

#include <memory>

#include "actors/port/enrolment_server.hpp"
#include "kernels/base/result.hpp"
#include "topology/graph/graph.hpp"

namespace spdlog {
class logger;
}

namespace freshet::cli {

result<std::unique_ptr<port::enrolment_server>> open_desk(const topology::graph& graph, const topology::node_spec& node,
                                                          std::shared_ptr<port::socket_context> context,
                                                          std::shared_ptr<spdlog::logger> log);

/// The text of the list of artefact keys that devices must trust now; empty where this host has none.
[[nodiscard]] std::string trusted_text(const topology::graph& graph);

}  // namespace freshet::cli

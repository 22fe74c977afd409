// What protects a node's links, from the topology and the files of its state folder: its key, the
// keys of those that it connects to, who may come in, and who lives where.
// Thread contract: plain functions; what they return says its own.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "actors/rt/link_security.hpp"
#include "kernels/base/result.hpp"
#include "topology/graph/graph.hpp"

namespace spdlog {
class logger;
}

namespace freshet::actors {

/// `peers` are those that the node connects to, with their endpoints. Errors name the file that is
/// missing or does not fit, and the command that makes it.
result<rt::link_security> security_of(const topology::graph& g, const topology::node_spec& node,
                                      const std::map<std::string, std::string>& peers,
                                      std::shared_ptr<spdlog::logger> log);

/// Every role and device at its place, and what each node has itself.
[[nodiscard]] rt::residents::town town_of(const topology::graph& g);
/// Consoles may speak to STATS, to CONTROL and to the deployer.
[[nodiscard]] std::set<topology::address> open_to_consoles(const topology::graph& g);
/// The key that a peer has at this endpoint; empty on plain links.
[[nodiscard]] std::string server_key_of(const topology::graph& g, const std::string& peer, const std::string& endpoint);

}  // namespace freshet::actors

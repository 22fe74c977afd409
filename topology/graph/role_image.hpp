// What a role is made of, as named texts: its own settings, whom it talks to, and what of other roles'
// settings its maker reads (actors/assembly). Two graphs in which a role has the same image can be
// exchanged without touching it. What the assembly reads of another role must be named here too.
// Thread contract: pure functions of a graph.
#pragma once

#include "topology/graph/graph.hpp"
#include "topology/graph/index.hpp"

#include <map>
#include <string>

namespace freshet::topology {

/// Name ("uplink_filter.token_share", "sends to teacher") to value, as TOML or as addresses.
using role_image = std::map<std::string, std::string>;

[[nodiscard]] role_image image_of(const graph_index& g, const role_spec& role);

/// The settings of a node that it takes in when it starts, likewise: endpoints, links, logging, stats.
[[nodiscard]] role_image image_of(const graph& g, const node_spec& node);

}  // namespace freshet::topology

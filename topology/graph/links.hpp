// Who sends to whom, and which node must reach which: both follow from the kinds of roles.
//
//   device ─▶ uplink_filter ─▶ intake ─▶ teacher ─▶ distiller ◀▶ deployer ─▶ device
//                                 ▲                 │   ▲ │          ▲          │
//                                 └─ leases ────────┘   ▼ │          └─ report ─┘
//                                                   compressor            every role ─▶ stats
//   bench ─▶ device ─▶ bench ◀─ distiller
//
// Thread contract: pure functions of a graph. Those that take an index are for whoever asks about every role.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/fields.hpp"
#include "topology/graph/graph.hpp"
#include "topology/graph/index.hpp"

namespace freshet::topology {

/// Messages flow from `from` to `to`.
struct link {
  address from;
  address to;
  FRESHET_FIELDS(from, to)
};

/// All links, each once, in the order of the sending roles.
[[nodiscard]] std::vector<link> links_of(const graph& g);
[[nodiscard]] std::vector<link> links_of(const graph_index& g);

/// The roles of kind `to` that `from` sends to, in the order of the file; empty when it sends to none.
[[nodiscard]] std::vector<address> targets(const graph_index& g, const role_spec& from, role_kind to);

/// The filter of a device: devices and filters of a node pair up in order; one filter serves all devices of
/// its node. Null when there is none, or when they do not pair up.
[[nodiscard]] const role_spec* filter_of(const graph& g, const role_spec& device);
[[nodiscard]] const role_spec* filter_of(const graph_index& g, const role_spec& device);

/// Whether any filter may send what a vision tower makes of pictures, which is for a teacher with the same tower.
[[nodiscard]] bool features_travel(const graph& g);

/// Nodes that `node` must connect to, with an endpoint of each. Of two linked nodes the one that does not
/// listen connects; when both listen, the one that stands later in the file.
[[nodiscard]] std::map<std::string, std::string> peers_of(const graph& g, std::string_view node);
/// The same of every node that has any.
[[nodiscard]] std::map<std::string, std::map<std::string, std::string>> all_peers(const graph_index& g);

}  // namespace freshet::topology

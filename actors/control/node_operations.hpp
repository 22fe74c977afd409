// What AGENT has done to its node. Carrying orders out takes a while (models are loaded, roles drain), so
// they are left here and done by whoever owns the node; AGENT only looks how far it came.
// Thread contract: any thread.
#pragma once

#include "topology/message/changes.hpp"

namespace freshet::actors {

class node_operations {
 public:
  virtual ~node_operations() = default;
  /// The newest order stands; one that is done already costs nothing.
  virtual void order(const topology::topology_order& what) = 0;
  /// As it is between two orders.
  [[nodiscard]] virtual topology::node_report report() const = 0;
};

}  // namespace freshet::actors

// AGENT: one a node, like its port. Hands CONTROL's orders to whoever owns the node, and reports what the
// node is: at once when that changed, else once a second.
// Thread contract: that of role_core.
#pragma once

#include "actors/control/node_operations.hpp"
#include "actors/role.hpp"

#include <memory>

namespace freshet::actors {

[[nodiscard]] std::unique_ptr<role_core> make_agent(topology::address control, std::shared_ptr<node_operations> node);

}  // namespace freshet::actors

// One-for-one supervision: a child that fails is started anew after a back-off, alone; one that
// fails too often is given up and reported; one that ends in order stays ended.
// Thread contract: spawn_supervisor from any thread; children are started in the supervisor.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/protocols.hpp"
#include "actors/rt/restart_budget.hpp"
#include "actors/rt/supervision_board.hpp"
#include "actors/rt/system.hpp"

namespace freshet::rt {

struct child_spec {
  std::string name;
  /// Starts the child; `restarts` says how often it was started before.
  std::function<actors::role_handle(std::uint64_t restarts)> start;
  restart_limits limits;
};

struct supervisor_setup {
  std::string name;
  std::vector<child_spec> children;
  std::shared_ptr<supervision_board> board;    ///< one entry a child, in the same order
  std::function<void(const std::string& child, const std::string& why)> on_give_up;
};

/// The children run when this returns (in a deterministic system: once the test lets them).
actors::supervisor_handle spawn_supervisor(system& home, supervisor_setup setup);

}  // namespace freshet::rt

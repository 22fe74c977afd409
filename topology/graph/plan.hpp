// From the graph that runs to the one that is wanted: what has to be done, in order, and what it costs.
// A changed role is stopped in order and started anew: what it accepted is on the disk or still its
// sender's, so a change is as safe as a restart. What cannot change while running is named, with what
// to do instead.
// Thread contract: pure functions of two graphs.
#pragma once

#include "topology/graph/graph.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::topology {

/// In the order in which they are carried out.
enum class step_kind : std::uint8_t { start_node, start_role, restart_role, stop_role, stop_node };
[[nodiscard]] std::string_view name(step_kind kind);

struct plan_step {
  step_kind kind = step_kind::start_node;
  address where;                 ///< of a node: no role
  std::vector<std::string> why;  ///< "uplink_filter.token_share: 1.0 -> 0.5"
  std::string cost;              ///< what operators will notice, as a sentence

  [[nodiscard]] std::string text() const;  ///< "restart edge-1/uplink_filter"
};

struct change_plan {
  std::vector<plan_step> steps;
  /// What stands against it, each as a sentence. A plan with any is not carried out.
  std::vector<std::string> refusals;
  /// Nodes that have something to do, new peers, or newcomers to let in; of either graph.
  std::vector<std::string> nodes;

  [[nodiscard]] bool empty() const { return steps.empty() && refusals.empty(); }
};

/// Both graphs are known to be right (load.hpp).
[[nodiscard]] change_plan plan_change(const graph& now, const graph& wanted);

/// What every node has beside its port, and one node has: names that no role of a topology may take.
inline constexpr const char* agent_role = "agent";
inline constexpr const char* control_role = "control";

/// The node whose CONTROL role decides on changes: that of stats, or else of intake.
[[nodiscard]] std::string control_node(const graph& g);

}  // namespace freshet::topology

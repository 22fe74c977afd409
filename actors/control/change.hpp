// One change of the topology on its way: which step each node is at, what it must be told, and when
// patience ends. Knows revisions and reports only; a state machine on times that it is told.
// Thread contract: owned by one control core.
#pragma once

#include "actors/control/revision_store.hpp"
#include "kernels/base/clock.hpp"
#include "topology/message/changes.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace freshet::actors {

/// The newest report of every node, and when it came.
struct heard_report {
  topology::node_report what;
  time_point at;
};
using report_board = std::map<std::string, heard_report>;

class change {
 public:
  struct limits {
    duration prepare;
    duration switching;
    duration finish;
  };
  /// Nodes that must take part in `to`, and those of them that `from` has too.
  change(std::uint64_t from, std::uint64_t to, std::set<std::string> nodes, std::set<std::string> nodes_of_old,
         revision_state at, limits patience, time_point now);

  /// Looks at the reports: moves on at most one state. True when it did.
  bool advance(const report_board& reports, time_point now);
  /// Everyone back to the old revision.
  void revert(std::string why);

  [[nodiscard]] revision_state state() const { return state_; }
  [[nodiscard]] bool ended() const { return state_ == revision_state::applied || state_ == revision_state::reverted; }
  [[nodiscard]] const std::string& note() const { return note_; }
  [[nodiscard]] std::uint64_t to() const { return to_; }
  [[nodiscard]] std::uint64_t from() const { return from_; }
  [[nodiscard]] bool takes_part(const std::string& node) const { return nodes_.count(node) != 0; }

  struct wanted {
    std::uint64_t revision = 0;
    topology::change_step step = topology::change_step::prepare;
  };
  /// What each node that is not there yet should be told.
  [[nodiscard]] std::map<std::string, wanted> orders(const report_board& reports) const;

 private:
  [[nodiscard]] bool done(const std::string& node, const report_board& reports) const;
  [[nodiscard]] wanted aim() const;
  [[nodiscard]] const std::set<std::string>& taking_part() const;
  [[nodiscard]] duration patience() const;

  std::uint64_t from_;
  std::uint64_t to_;
  std::set<std::string> nodes_;
  std::set<std::string> nodes_of_old_;
  revision_state state_;
  limits limits_;
  time_point since_;
  std::string note_;
};

}  // namespace freshet::actors

// Roles that were just started, until they are known to be at work: each has answered its supervisor in this life
// of it, and all have stayed up for a while since. A state machine on health and times that it is told.
// Thread contract: one owner.
#pragma once

#include "actors/rt/supervision_board.hpp"
#include "kernels/base/clock.hpp"
#include "kernels/base/result.hpp"

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace freshet::actors {

class settling {
 public:
  settling(std::set<std::string> roles, duration stay_up) : roles_(std::move(roles)), stay_up_(stay_up) {}

  /// True once all have settled, and from then on while none of them fails. The first failure is the error: a role
  /// that was started again has failed, however well it is since.
  result<bool> look(const std::vector<rt::child_health>& all, time_point now);
  /// Roles that have not answered yet, when last looked at.
  [[nodiscard]] const std::set<std::string>& silent() const { return silent_; }

 private:
  std::set<std::string> roles_;
  duration stay_up_;
  std::set<std::string> silent_;
  std::optional<time_point> all_answered_;
};

}  // namespace freshet::actors

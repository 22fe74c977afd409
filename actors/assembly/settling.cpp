#include "actors/assembly/settling.hpp"

namespace freshet::actors {

result<bool> settling::look(const std::vector<rt::child_health>& all, time_point now) {
  silent_ = roles_;
  for (const rt::child_health& child : all) {
    if (roles_.count(child.name) == 0) continue;
    // Its first life, and it runs: all else is a failure.
    if (child.restarts > 0 || child.state != rt::child_state::running) {
      const std::string why = child.state == rt::child_state::stopped ? "ended by itself" : "failed: " + child.last_failure;
      return error{errc::internal, "role " + child.name + " " + why};
    }
    if (child.answered) silent_.erase(child.name);
  }
  if (!silent_.empty()) return false;
  if (!all_answered_) all_answered_ = now;
  return now - *all_answered_ >= stay_up_;
}

}  // namespace freshet::actors

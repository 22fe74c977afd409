#include "actors/rt/supervision_board.hpp"

#include <algorithm>
#include <utility>

namespace freshet::rt {

supervision_board::supervision_board(std::vector<std::string> names) {
  children_.resize(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) children_[i].name = std::move(names[i]);
}

std::vector<child_health> supervision_board::snapshot() const {
  std::lock_guard lock(mutex_);
  return children_;
}

bool supervision_board::wait_until_all_ended(std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [this] {
    return std::all_of(children_.begin(), children_.end(), [](const child_health& c) {
      return c.state == child_state::stopped || c.state == child_state::given_up;
    });
  });
}

}  // namespace freshet::rt

#include "actors/rt/supervision_board.hpp"

#include <algorithm>
#include <utility>

namespace freshet::rt {

supervision_board::supervision_board(std::vector<std::string> names) {
  children_.resize(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) children_[i].name = std::move(names[i]);
}

std::size_t supervision_board::add(std::string name) {
  std::lock_guard lock(mutex_);
  children_.emplace_back();
  children_.back().name = std::move(name);
  return children_.size() - 1;
}

std::vector<child_health> supervision_board::snapshot() const {
  std::lock_guard lock(mutex_);
  return children_;
}

namespace {

bool ended(const child_health& c) { return c.state == child_state::stopped || c.state == child_state::given_up; }

}  // namespace

bool supervision_board::wait_until_started(const std::string& name, std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] {
    return std::any_of(children_.begin(), children_.end(),
                       [&](const child_health& c) { return c.name == name && c.state != child_state::stopped; });
  });
}

bool supervision_board::wait_until_ended(const std::string& name, std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] {
    return std::all_of(children_.begin(), children_.end(),
                       [&](const child_health& c) { return c.name != name || ended(c); });
  });
}

bool supervision_board::wait_until_all_answered(time_point asked, std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] {
    return std::all_of(children_.begin(), children_.end(), [&](const child_health& c) {
      return c.state != child_state::running || (c.answered && *c.answered >= asked);
    });
  });
}

bool supervision_board::wait_until_all_ended(std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [this] { return std::all_of(children_.begin(), children_.end(), ended); });
}

}  // namespace freshet::rt

#include "actors/rt/restart_budget.hpp"

#include <algorithm>

namespace freshet::rt {

std::optional<duration> restart_budget::failed(time_point now) {
  while (!failures_.empty() && now - failures_.front() > limits_.window) failures_.pop_front();
  if (failures_.size() >= limits_.restarts) return std::nullopt;
  auto delay = std::min(limits_.first_delay, limits_.longest_delay);
  for (std::size_t i = 0; i < failures_.size() && delay < limits_.longest_delay; ++i)
    delay = std::min(delay * 2, limits_.longest_delay);
  failures_.push_back(now);
  return delay;
}

}  // namespace freshet::rt

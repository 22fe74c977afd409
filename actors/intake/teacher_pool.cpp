#include "actors/intake/teacher_pool.hpp"

#include <algorithm>
#include <utility>

namespace freshet::actors {

teacher_pool::teacher_pool(std::vector<topology::address> teachers) {
  for (topology::address& where : teachers) teachers_.push_back({std::move(where), 0});
}

bool teacher_pool::has_room(const room_of& room) const {
  return std::any_of(teachers_.begin(), teachers_.end(), [&](const member& t) { return room(t.where) > 0; });
}

std::optional<topology::address> teacher_pool::give(std::uint64_t lease, const room_of& room) {
  const auto before = at_.find(lease);
  std::optional<std::size_t> best;
  // It did not answer in time: only if there is nobody else.
  const auto worth = [&](std::size_t i) {
    return std::pair(before != at_.end() && before->second == i, teachers_[i].out);
  };
  for (std::size_t i = 0; i < teachers_.size(); ++i) {
    if (room(teachers_[i].where) == 0) continue;
    if (!best || worth(i) < worth(*best)) best = i;
  }
  if (!best) return std::nullopt;
  take_back(lease);
  at_[lease] = *best;
  ++teachers_[*best].out;
  return teachers_[*best].where;
}

void teacher_pool::take_back(std::uint64_t lease) {
  const auto it = at_.find(lease);
  if (it == at_.end()) return;
  --teachers_[it->second].out;
  at_.erase(it);
}

}  // namespace freshet::actors

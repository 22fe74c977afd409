#include "actors/intake/tick_gate.hpp"

#include <algorithm>
#include <string>
#include <tuple>

namespace freshet::actors {

tick_gate::tick_gate(std::vector<device_id> expected, std::size_t max_open) : max_open_(max_open) {
  for (const device_id device : expected) ended_.emplace(device, 0);
}

result<void> tick_gate::admits(device_id device, std::uint64_t tick) const {
  if (ended_.count(device) == 0) {
    return {errc::invalid_argument, "tick " + std::to_string(tick) + " of device " + std::to_string(device.value) +
                                        ", which is not one of the " + std::to_string(ended_.size()) +
                                        " that the paced mode expects"};
  }
  if (tick <= closed_) {
    return {errc::invalid_argument, "tick " + std::to_string(tick) + " of device " + std::to_string(device.value) +
                                        " is closed; " + std::to_string(closed_ + 1) + " or later is right"};
  }
  if (open_.count(tick) == 0 && open_.size() >= max_open_) {
    return {errc::overloaded,
            "tick " + std::to_string(tick) + " while " + std::to_string(open_.size()) + " earlier ones are open"};
  }
  return {};
}

void tick_gate::hold(device_id device, std::uint64_t tick, sequence first, std::uint64_t entry) {
  open_[tick].push_back(held{device, first, entry});
}

void tick_gate::end(device_id device, std::uint64_t tick) {
  open_[tick];
  auto& ended = ended_[device];
  ended = std::max(ended, tick);
}

std::optional<tick_gate::closed_tick> tick_gate::take_closed() {
  if (open_.empty()) return std::nullopt;
  const auto first = open_.begin();
  for (const auto& [device, ended] : ended_) {
    if (ended < first->first) return std::nullopt;
  }
  auto& all = first->second;
  std::sort(all.begin(), all.end(), [](const held& a, const held& b) {
    return std::tie(a.device, a.first, a.entry) < std::tie(b.device, b.first, b.entry);
  });
  closed_tick out;
  out.tick = closed_ = first->first;
  for (const held& one : all) out.entries.push_back(one.entry);
  open_.erase(first);
  return out;
}

}  // namespace freshet::actors

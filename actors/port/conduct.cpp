#include "actors/port/conduct.hpp"

#include <algorithm>

namespace freshet::port {

bool conduct::strike(const std::string& sender, time_point now) {
  if (records_.count(sender) == 0) make_room(now);
  auto& r = records_[sender];
  r.strikes.push_back(now);
  while (now - r.strikes.front() > limits_.window) r.strikes.pop_front();
  if (r.strikes.size() < limits_.strikes) return false;
  r.strikes.clear();
  r.cut_off_until = now + limits_.cut_off_time;
  return true;
}

bool conduct::is_cut_off(const std::string& sender, time_point now) const {
  if (records_.empty()) return false;
  auto found = records_.find(sender);
  return found != records_.end() && now < found->second.cut_off_until;
}

void conduct::make_room(time_point now) {
  if (records_.size() < limits_.senders) return;
  for (auto i = records_.begin(); i != records_.end();) {
    const auto& r = i->second;
    const bool spent = now >= r.cut_off_until && (r.strikes.empty() || now - r.strikes.back() > limits_.window);
    i = spent ? records_.erase(i) : std::next(i);
  }
  // A crowd of senders with one strike each: the one whose last strike is oldest is forgiven.
  while (records_.size() >= limits_.senders)
    records_.erase(std::min_element(records_.begin(), records_.end(), [](const auto& a, const auto& b) {
      auto last = [](const record& r) { return std::max(r.cut_off_until, r.strikes.empty() ? time_point{} : r.strikes.back()); };
      return last(a.second) < last(b.second);
    }));
}

}  // namespace freshet::port

#include "actors/stats/heard_role.hpp"

#include <utility>

namespace freshet::actors {

bool same_life(const heard_report& before, const heard_report& now) {
  return before.process_id == now.process_id && before.uptime_ms <= now.uptime_ms;
}

void heard_role::hear(heard_report report, time_point now) {
  heard_ = now;
  auto next = std::make_shared<const heard_report>(std::move(report));
  if (!last_ || !same_life(*last_, *next)) {
    last_ = near_ = far_ = std::move(next);
    return;
  }
  last_ = std::move(next);
  if (last_->uptime_ms - near_->uptime_ms < window_ms) return;
  far_ = std::move(near_);
  near_ = last_;
}

heard_role heard_role::at_rest() const {
  heard_role still = *this;
  still.near_ = still.far_ = still.last_;
  return still;
}

}  // namespace freshet::actors

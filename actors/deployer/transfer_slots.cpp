#include "actors/deployer/transfer_slots.hpp"

#include <algorithm>
#include <utility>

namespace freshet::actors {

bool transfer_slots::take(device_id device, artefact_ref what, time_point now) {
  const auto it = slots_.find(device);
  if (it != slots_.end()) {
    it->second.what = std::move(what);
    it->second.heard = now;
    return true;
  }
  if (slots_.size() >= settings_.slots) {
    if (std::find(line_.begin(), line_.end(), device) == line_.end()) line_.push_back(device);
    return false;
  }
  line_.erase(std::remove(line_.begin(), line_.end(), device), line_.end());
  slots_.emplace(device, slot{std::move(what), now, now});
  return true;
}

artefact_ref transfer_slots::at(device_id device) const {
  const auto it = slots_.find(device);
  return it == slots_.end() ? nullptr : it->second.what;
}

void transfer_slots::touch(device_id device, time_point now) {
  const auto it = slots_.find(device);
  if (it != slots_.end()) it->second.heard = now;
}

void transfer_slots::release(device_id device) { slots_.erase(device); }

void transfer_slots::drop(device_id device) {
  slots_.erase(device);
  line_.erase(std::remove(line_.begin(), line_.end(), device), line_.end());
}

void transfer_slots::expire(time_point now) {
  // As many slow ones give way as there are devices in line.
  std::size_t owed = line_.size();
  for (auto it = slots_.begin(); it != slots_.end();) {
    const bool silent = now - it->second.heard >= settings_.idle;
    const bool slow = owed > 0 && now - it->second.since >= settings_.turn;
    if (slow && !silent) {
      --owed;
      line_.push_back(it->first);
    }
    it = silent || slow ? slots_.erase(it) : std::next(it);
  }
}

std::optional<device_id> transfer_slots::next() {
  if (line_.empty() || slots_.size() >= settings_.slots) return std::nullopt;
  const device_id device = line_.front();
  line_.pop_front();
  return device;
}

}  // namespace freshet::actors

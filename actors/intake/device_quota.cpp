#include "actors/intake/device_quota.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include "actors/intake/batch_check.hpp"
#include "actors/kept_tokens.hpp"

namespace freshet::actors {

double device_quota::rate(std::size_t k) const {
  if (k == samples) return limits_.samples_per_second;
  return k == bytes ? limits_.bytes_per_second : limits_.decoded_per_second;
}

void device_quota::fill(account& a, time_point now) const {
  const double passed = std::max(0.0, std::chrono::duration<double>(now - a.filled).count());
  a.filled = std::max(a.filled, now);
  for (std::size_t k = 0; k < kinds; ++k) a.level[k] = std::min(most(k), a.level[k] + passed * rate(k));
}

bool device_quota::at_its_end(const account& a) const {
  const bool full = (limits_.kept_samples > 0 && a.kept_samples >= limits_.kept_samples) ||
                    (limits_.kept_bytes > 0 && a.kept_bytes >= limits_.kept_bytes);
  return full || std::any_of(a.level.begin(), a.level.end(), [](double level) { return level <= 0; });
}

device_quota::account* device_quota::open(device_id device, time_point now) {
  auto found = accounts_.find(device);
  if (found != accounts_.end()) return &found->second;
  if (accounts_.size() >= limits_.devices) {
    const auto idle = std::find_if(accounts_.begin(), accounts_.end(), [&](auto& one) {
      fill(one.second, now);
      bool owes = one.second.kept_samples > 0;
      for (std::size_t k = 0; k < kinds; ++k) owes = owes || one.second.level[k] < most(k);
      return !owes;
    });
    if (idle == accounts_.end()) return nullptr;
    accounts_.erase(idle);
  }
  account fresh;
  fresh.filled = now;
  for (std::size_t k = 0; k < kinds; ++k) fresh.level[k] = most(k);
  return &accounts_.emplace(device, fresh).first->second;
}

result<void> device_quota::admit(const topology::address& from, const topology::uts_batch& batch,
                                 std::uint64_t most_decoded, time_point now) {
  account* a = open(batch.device, now);
  if (a == nullptr) {
    ++refused_;
    return {errc::overloaded, std::to_string(limits_.devices) + " devices are counted already"};
  }
  a->from = from;
  fill(*a, now);
  for (std::size_t k = 0; k < kinds; ++k) {
    if (a->level[k] > -most(k)) continue;
    ++refused_;
    static constexpr const char* names[] = {"samples", "bytes", "decoded bytes"};
    return {errc::overloaded, "device " + std::to_string(batch.device.value) + " sends more than " +
                                  std::to_string(static_cast<std::uint64_t>(rate(k))) + " " + names[k] + " a second"};
  }
  const std::uint64_t tokens = kept_tokens_of(batch);
  const std::uint64_t claimed = batch.token_bytes == 0 || tokens <= most_decoded / batch.token_bytes
                                    ? tokens * batch.token_bytes
                                    : most_decoded;
  a->level[samples] -= static_cast<double>(batch.samples.size());
  a->level[bytes] -= static_cast<double>(content_bytes(batch));
  a->level[decoded] -= static_cast<double>(claimed);
  return {};
}

bool device_quota::may_send(const topology::address& from) const {
  return std::none_of(accounts_.begin(), accounts_.end(),
                      [&](const auto& one) { return one.second.from == from && at_its_end(one.second); });
}

void device_quota::advance(time_point now) {
  for (auto& [device, a] : accounts_) fill(a, now);
}

bool device_quota::has_room(device_id device, std::uint64_t more_samples, std::uint64_t more_bytes) const {
  const auto found = accounts_.find(device);
  if (found == accounts_.end()) return true;
  const account& a = found->second;
  // One batch fits into an empty share whatever its size.
  const auto fits = [](std::uint64_t kept, std::uint64_t more, std::uint64_t bound) {
    return bound == 0 || kept == 0 || kept + more <= bound;
  };
  return fits(a.kept_samples, more_samples, limits_.kept_samples) && fits(a.kept_bytes, more_bytes, limits_.kept_bytes);
}

void device_quota::hold(std::uint64_t entry, device_id device, std::uint64_t more_samples, std::uint64_t more_bytes) {
  const auto found = accounts_.find(device);
  if (found == accounts_.end()) return;
  found->second.kept_samples += more_samples;
  found->second.kept_bytes += more_bytes;
  held_[entry] = {device, more_samples, more_bytes};
}

void device_quota::release(std::uint64_t entry) {
  const auto it = held_.find(entry);
  if (it == held_.end()) return;
  // An account that holds something is not forgotten.
  account& a = accounts_.at(it->second.device);
  a.kept_samples -= it->second.samples;
  a.kept_bytes -= it->second.bytes;
  held_.erase(it);
}

std::size_t device_quota::waiting() const {
  return static_cast<std::size_t>(
      std::count_if(accounts_.begin(), accounts_.end(), [&](const auto& one) { return at_its_end(one.second); }));
}

}  // namespace freshet::actors

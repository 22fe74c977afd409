#include "actors/intake/lease_book.hpp"

#include <algorithm>
#include <utility>

namespace freshet::actors {
namespace {

constexpr std::int64_t longest_wait = 16;   // times the first one
constexpr std::int64_t forgets = 8;         // a share of 1/8 of the longest lease, with each that is confirmed

}  // namespace

std::uint64_t lease_book::open(leased_work work, time_point now) {
  const std::uint64_t lease = next_++;
  out_.emplace(lease, lease_state{std::move(work), now, now + wait(0)});
  return lease;
}

duration lease_book::wait(unsigned renewals) const {
  return std::min(std::max(timeout_, 2 * taken_) * (std::int64_t{1} << renewals), timeout_ * longest_wait);
}

std::optional<leased_work> lease_book::confirm(std::uint64_t lease, time_point now) {
  // Since it was opened, however often it was sent since: whose answer this is nobody knows, and too long is no harm.
  const auto it = out_.find(lease);
  if (it != out_.end()) taken_ = std::min(std::max(now - it->second.opened, taken_ - taken_ / forgets), timeout_ * longest_wait / 2);
  return drop(lease);
}

std::optional<leased_work> lease_book::drop(std::uint64_t lease) {
  const auto it = out_.find(lease);
  if (it == out_.end()) return std::nullopt;
  leased_work done = std::move(it->second.work);
  out_.erase(it);
  return done;
}

std::optional<std::uint64_t> lease_book::lease_of(std::uint64_t entry) const {
  for (const auto& [lease, state] : out_) {
    if (state.work.entry == entry) return lease;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> lease_book::overdue(time_point now) const {
  for (const auto& [lease, state] : out_) {
    if (state.deadline <= now) return lease;
  }
  return std::nullopt;
}

void lease_book::renew(std::uint64_t lease, time_point now) {
  lease_state& state = out_.at(lease);
  state.renewals = std::min(state.renewals + 1, 4U);
  state.deadline = now + wait(state.renewals);
}

std::optional<time_point> lease_book::next_deadline() const {
  std::optional<time_point> next;
  for (const auto& [lease, state] : out_) {
    if (!next || state.deadline < *next) next = state.deadline;
  }
  return next;
}

}  // namespace freshet::actors

// Leases that are out: accepted work that was handed to the teacher and is not confirmed yet. A
// lease that stays unconfirmed is due again under its own number, each time after a longer wait,
// for as long as it takes: what was accepted is never given up. How long a lease takes is learned from those that are
// confirmed, so that a teacher of billions of parameters is not given the same work again and again. Owned by one intake core.
#pragma once

#include "kernels/base/clock.hpp"

#include <cstdint>
#include <map>
#include <optional>

namespace freshet::actors {

/// What a lease is about: an accepted batch, or the bare end of a tick in which nothing was kept.
struct leased_work {
  std::optional<std::uint64_t> entry;  ///< of the journal
  std::uint64_t tick = 0;
  bool end_of_tick = false;
};

class lease_book {
 public:
  /// Numbers begin at `first`. The first wait is `timeout`, or twice what leases take lately where that is longer; waits
  /// double from it. None is longer than 16 times `timeout`.
  lease_book(std::uint64_t first, duration timeout) : next_(first), timeout_(timeout) {}

  std::uint64_t open(leased_work work, time_point now);
  /// The work of a lease that is now done; nothing when it is not out.
  std::optional<leased_work> confirm(std::uint64_t lease, time_point now);
  /// Likewise of a lease that ends without having been done: it tells nothing of how long one takes.
  std::optional<leased_work> drop(std::uint64_t lease);
  /// The lease of an entry that is out.
  [[nodiscard]] std::optional<std::uint64_t> lease_of(std::uint64_t entry) const;
  /// The lowest lease whose wait is over.
  [[nodiscard]] std::optional<std::uint64_t> overdue(time_point now) const;
  /// It was sent again.
  void renew(std::uint64_t lease, time_point now);
  [[nodiscard]] const leased_work& at(std::uint64_t lease) const { return out_.at(lease).work; }
  [[nodiscard]] std::size_t size() const noexcept { return out_.size(); }
  [[nodiscard]] std::optional<time_point> next_deadline() const;

 private:
  struct lease_state {
    leased_work work;
    time_point opened;
    time_point deadline;
    unsigned renewals = 0;
  };
  [[nodiscard]] duration wait(unsigned renewals) const;

  std::uint64_t next_;
  duration timeout_;
  duration taken_{};   ///< the longest that a lease took lately
  std::map<std::uint64_t, lease_state> out_;
};

}  // namespace freshet::actors

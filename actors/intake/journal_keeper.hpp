// A journal and its bad times. When the disk is full or has turned read-only, nothing is accepted, what
// is learned waits here to be erased, and every second the journal is tried again: it recovers by
// itself once there is room. Owned by one intake core; one thread at a time.
#pragma once

#include "actors/intake/journal.hpp"
#include "actors/role.hpp"

#include <memory>
#include <optional>
#include <set>
#include <string>

namespace freshet::actors {

class journal_keeper {
 public:
  explicit journal_keeper(std::unique_ptr<journal> kept) : journal_(std::move(kept)) {}

  [[nodiscard]] const journal& kept() const noexcept { return *journal_; }
  /// As journal::append(). errc::unavailable while failing().
  result<std::uint64_t> append(topology::uts_batch batch, time_point now, outbox& out);
  /// As journal::read(). A damaged entry is set aside, logged and counted, and is an error once.
  result<topology::uts_batch> read(std::uint64_t entry, time_point now, outbox& out);
  /// Learned: erased now, or as soon as that works.
  void erase(const std::vector<std::uint64_t>& entries, time_point now, outbox& out);
  void tick(time_point now, outbox& out);

  [[nodiscard]] bool failing() const noexcept { return fault_.has_value(); }
  /// "ok", or why nothing can be accepted.
  [[nodiscard]] std::string state() const { return fault_ ? "failing: " + fault_->text() : "ok"; }
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_; }
  [[nodiscard]] std::uint64_t damaged() const noexcept { return damaged_; }
  /// Learned entries that could not be erased yet.
  [[nodiscard]] std::size_t unerased() const noexcept { return unerased_.size(); }

 private:
  void fail(const error& why, time_point now, outbox& out);

  std::unique_ptr<journal> journal_;
  std::set<std::uint64_t> unerased_;
  std::optional<error> fault_;
  std::uint64_t needed_bytes_ = 0;  ///< of the largest batch that found no room
  time_point retry_at_{};
  std::uint64_t failures_ = 0;
  std::uint64_t damaged_ = 0;
};

}  // namespace freshet::actors

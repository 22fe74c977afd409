#include "actors/intake/journal_keeper.hpp"

#include "actors/intake/batch_check.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace freshet::actors {
namespace {

constexpr duration retry_every = std::chrono::seconds(1);
constexpr std::uint64_t least_probe_bytes = std::uint64_t{64} << 10;

}  // namespace

void journal_keeper::fail(const error& why, time_point now, outbox& out) {
  ++failures_;
  if (!fault_) out.log(log_level::error, "journal fails, nothing is accepted until it takes again: " + why.text());
  fault_ = why;
  retry_at_ = now + retry_every;
  out.wake_after(retry_every);
}

result<std::uint64_t> journal_keeper::append(topology::uts_batch batch, time_point now, outbox& out) {
  if (fault_) return error{errc::unavailable, "journal " + state()};
  const std::uint64_t bytes = content_bytes(batch);
  auto entry = journal_->append(std::move(batch));
  if (entry.ok() || entry.err().code == errc::overloaded) return entry;
  needed_bytes_ = std::max(needed_bytes_, bytes);
  fail(entry.err(), now, out);
  return error{errc::unavailable, "journal " + state()};
}

result<topology::uts_batch> journal_keeper::read(std::uint64_t entry, time_point now, outbox& out) {
  auto batch = journal_->read(entry);
  if (batch.ok()) return batch;
  if (batch.err().code != errc::corrupt && batch.err().code != errc::not_found) {
    fail(batch.err(), now, out);
    return batch;
  }
  ++damaged_;
  out.log(log_level::error, "an accepted batch is damaged on the disk and is set aside: " + batch.err().text());
  if (auto moved = journal_->set_aside(entry); !moved.ok()) fail(moved.err(), now, out);
  return batch;
}

void journal_keeper::erase(const std::vector<std::uint64_t>& entries, time_point now, outbox& out) {
  if (entries.empty()) return;
  unerased_.insert(entries.begin(), entries.end());
  if (fault_) return;
  const auto done = journal_->erase({unerased_.begin(), unerased_.end()});
  if (!done.ok()) return fail(done.err(), now, out);
  unerased_.clear();
}

void journal_keeper::tick(time_point now, outbox& out) {
  if (!fault_) return;
  if (now < retry_at_) return out.wake_after(retry_at_ - now);
  // Erasing comes first: it may make the room.
  auto done = unerased_.empty() ? result<void>() : journal_->erase({unerased_.begin(), unerased_.end()});
  if (done.ok()) {
    unerased_.clear();
    done = journal_->probe(needed_bytes_ + least_probe_bytes);
  }
  if (!done.ok()) return fail(done.err(), now, out);
  needed_bytes_ = 0;
  fault_.reset();
  out.log(log_level::info, "journal takes again");
}

}  // namespace freshet::actors

#include "actors/intake/journal_keeper.hpp"

#include <utility>
#include <vector>

namespace freshet::actors {
namespace {

constexpr duration retry_every = std::chrono::seconds(1);

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
  auto entry = journal_->append(std::move(batch));
  if (entry.ok() || entry.err().code == errc::overloaded) return entry;
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
  auto done = unerased_.empty() ? journal_->probe() : journal_->erase({unerased_.begin(), unerased_.end()});
  if (!done.ok()) return fail(done.err(), now, out);
  unerased_.clear();
  fault_.reset();
  out.log(log_level::info, "journal takes again");
}

}  // namespace freshet::actors

#include "actors/uplink_filter/disk_spool.hpp"

#include "actors/kept_message.hpp"
#include "actors/put_aside.hpp"
#include "kernels/base/fault_point.hpp"

#include <cmath>
#include <variant>

namespace freshet::actors {
namespace {

const store::database::migrations spool_forms{
    "create table batch (number integer primary key, samples integer not null, worth real not null,"
    "                    bytes blob not null)"};

double worth_of(const topology::uts_batch& batch) {
  double all = 0;
  for (const auto& s : batch.samples) all += static_cast<double>(s.uncertainty);
  // The end of a tick has no samples, and must come through.
  if (batch.samples.empty()) return HUGE_VAL;
  return std::isfinite(all) ? all / static_cast<double>(batch.samples.size()) : 0.0;
}

}  // namespace

struct disk_spool::statements {
  store::statement add, read, erase;
};

disk_spool::disk_spool(store::database db, std::uint64_t quota_bytes)
    : db_(std::move(db)), quota_(quota_bytes), sql_(nullptr, [](statements* s) { delete s; }) {}

result<std::unique_ptr<disk_spool>> disk_spool::open(const std::filesystem::path& file, std::uint64_t quota_bytes) {
  std::string aside;
  auto db = store::database::open(file, spool_forms);
  if (!db.ok() && db.err().code == errc::corrupt) {
    FRESHET_TRY_ASSIGN(const std::filesystem::path name, put_database_aside(file));
    aside = db.err().text() + "; it is kept as " + name.string();
    db = store::database::open(file, spool_forms);
  }
  if (!db.ok()) return db.err();
  std::unique_ptr<disk_spool> made(new disk_spool(std::move(*db), quota_bytes));
  made->put_aside_ = std::move(aside);
  FRESHET_TRY(made->load());
  return made;
}

result<void> disk_spool::load() {
  FRESHET_TRY_ASSIGN(auto add, db_.prepare("insert into batch values (?, ?, ?, ?)"));
  FRESHET_TRY_ASSIGN(auto read, db_.prepare("select bytes from batch where number = ?"));
  FRESHET_TRY_ASSIGN(auto erase, db_.prepare("delete from batch where number = ?"));
  sql_.reset(new statements{std::move(add), std::move(read), std::move(erase)});
  FRESHET_TRY_ASSIGN(auto all, db_.prepare("select number, samples, worth, length(bytes) from batch order by number"));
  for (;;) {
    FRESHET_TRY_ASSIGN(const bool row, all.step());
    if (!row) break;
    const std::uint64_t number = all.unsigned_integer(0);
    const size_and_worth s{static_cast<std::size_t>(all.unsigned_integer(1)), all.unsigned_integer(3), all.real(2)};
    waiting_.emplace(number, s);
    by_worth_.emplace(s.worth, number);
    samples_ += s.samples;
    bytes_ += s.bytes;
    next_number_ = number + 1;
  }
  return {};
}

void disk_spool::stop_waiting(std::uint64_t number) {
  const auto it = waiting_.find(number);
  if (it == waiting_.end()) return;
  by_worth_.erase({it->second.worth, number});
  samples_ -= it->second.samples;
  bytes_ -= it->second.bytes;
  waiting_.erase(it);
}

result<std::size_t> disk_spool::push(const topology::uts_batch& batch) {
  FRESHET_TRY_ASSIGN(const std::vector<std::uint8_t> bytes, bytes_of(batch));
  const size_and_worth fresh{batch.samples.size(), bytes.size(), worth_of(batch)};
  const std::uint64_t number = next_number_;
  std::vector<std::uint64_t> leave;
  std::size_t dropped = 0;
  std::uint64_t over = bytes_ + taken_bytes_ + fresh.bytes;
  auto least = by_worth_.begin();
  while (over > quota_) {
    if (least == by_worth_.end() || fresh.worth < least->first) return fresh.samples;  // itself is worth the least
    const size_and_worth& goes = waiting_.at(least->second);
    leave.push_back(least->second);
    dropped += goes.samples;
    over -= goes.bytes;
    ++least;
  }
  FRESHET_FAULT_POINT("spool.push.before");
  const auto done = db_.in_transaction([&]() -> result<void> {
    for (const std::uint64_t goes : leave) FRESHET_TRY(sql_->erase.bind(goes).run());
    FRESHET_FAULT_POINT("spool.push.half");
    return sql_->add.bind(number).bind(std::uint64_t{fresh.samples}).bind(fresh.worth).bind(bytes).run();
  });
  if (!done.ok()) return done.err();
  FRESHET_FAULT_POINT("spool.push.after");
  for (const std::uint64_t goes : leave) stop_waiting(goes);
  ++next_number_;
  waiting_.emplace(number, fresh);
  by_worth_.emplace(fresh.worth, number);
  samples_ += fresh.samples;
  bytes_ += fresh.bytes;
  return dropped;
}

result<std::optional<disk_spool::taken>> disk_spool::next() {
  if (waiting_.empty()) return std::optional<taken>();
  const std::uint64_t number = waiting_.begin()->first;
  const std::uint64_t size = waiting_.begin()->second.bytes;
  const std::string name = db_.file() + ": batch " + std::to_string(number);
  sql_->read.bind(number);
  const auto row = sql_->read.step();
  std::vector<std::uint8_t> bytes;
  if (row.ok() && *row) bytes = sql_->read.bytes(0);
  sql_->read.reset();
  if (!row.ok()) return row.err();
  stop_waiting(number);
  auto m = message_of(std::move(bytes), name);
  auto* batch = m.ok() ? std::get_if<topology::uts_batch>(&*m) : nullptr;
  if (batch == nullptr) {
    const error why = m.ok() ? error{errc::corrupt, name + ": not a batch"} : m.err();
    FRESHET_TRY(erase({number}));
    return why;
  }
  taken_.emplace(number, size);
  taken_bytes_ += size;
  return std::optional<taken>(taken{number, std::move(*batch)});
}

result<void> disk_spool::erase(const std::vector<std::uint64_t>& numbers) {
  if (numbers.empty()) return {};
  for (const std::uint64_t number : numbers) {
    const auto it = taken_.find(number);
    if (it == taken_.end()) continue;
    taken_bytes_ -= it->second;
    taken_.erase(it);
  }
  unerased_.insert(numbers.begin(), numbers.end());
  FRESHET_FAULT_POINT("spool.erase.before");
  const auto done = db_.in_transaction([&]() -> result<void> {
    for (const std::uint64_t number : unerased_) FRESHET_TRY(sql_->erase.bind(number).run());
    return {};
  });
  if (!done.ok()) return done.err();
  FRESHET_FAULT_POINT("spool.erase.after");
  unerased_.clear();
  return {};
}

}  // namespace freshet::actors

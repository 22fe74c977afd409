#include "actors/intake/durable_journal.hpp"

#include "actors/intake/batch_check.hpp"
#include "actors/intake/journal_id.hpp"
#include "actors/kept_message.hpp"
#include "kernels/base/fault_point.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <variant>

namespace freshet::actors {
namespace {

const store::database::migrations journal_forms{
    "create table journal (id integer not null, next_entry integer not null);"
    "create table entry (number integer primary key, samples integer not null, bytes integer not null,"
    "                    batch blob not null);"
    "create table probe (bytes blob not null);"
    "create table damaged (number integer primary key, batch blob);"
    // 64 positions a row: position = 64 * word + bit.
    "create table seen (device integer not null, word integer not null, bits integer not null,"
    "                   primary key (device, word)) without rowid;"};

std::uint64_t number_of(device_id device) { return device.value; }

}  // namespace

struct durable_journal::statements {
  store::statement add_entry, read_entry, erase_entry, advance, mark, forget_words, occupy;
};

durable_journal::durable_journal(store::database db, options settings)
    : db_(std::move(db)), settings_(settings), sql_(nullptr, [](statements* s) { delete s; }) {}

result<std::unique_ptr<durable_journal>> durable_journal::open(const std::filesystem::path& file, options settings) {
  FRESHET_TRY_ASSIGN(store::database db, store::database::open(file, journal_forms));
  std::unique_ptr<durable_journal> made(new durable_journal(std::move(db), settings));
  FRESHET_TRY(made->prepare());
  FRESHET_TRY(made->load());
  return made;
}

result<void> durable_journal::prepare() {
  FRESHET_TRY_ASSIGN(auto add_entry, db_.prepare("insert into entry values (?, ?, ?, ?)"));
  FRESHET_TRY_ASSIGN(auto read_entry, db_.prepare("select batch from entry where number = ?"));
  FRESHET_TRY_ASSIGN(auto erase_entry, db_.prepare("delete from entry where number = ?"));
  FRESHET_TRY_ASSIGN(auto advance, db_.prepare("update journal set next_entry = ?"));
  FRESHET_TRY_ASSIGN(auto mark, db_.prepare("insert or replace into seen values (?, ?, ?)"));
  FRESHET_TRY_ASSIGN(auto forget_words, db_.prepare("delete from seen where device = ? and word < ?"));
  FRESHET_TRY_ASSIGN(auto occupy, db_.prepare("insert into probe values (zeroblob(?))"));
  sql_.reset(new statements{std::move(add_entry), std::move(read_entry), std::move(erase_entry), std::move(advance),
                            std::move(mark), std::move(forget_words), std::move(occupy)});
  return {};
}

result<void> durable_journal::load() {
  {
    FRESHET_TRY_ASSIGN(auto head, db_.prepare("select id, next_entry from journal"));
    FRESHET_TRY_ASSIGN(const bool known, head.step());
    if (known) {
      id_ = head.unsigned_integer(0);
      next_entry_ = head.unsigned_integer(1);
    }
  }
  if (id_ == 0) {
    id_ = draw_journal_id();
    FRESHET_TRY_ASSIGN(auto first, db_.prepare("insert into journal values (?, ?)"));
    FRESHET_TRY(first.bind(id_).bind(next_entry_).run());
  }
  FRESHET_TRY_ASSIGN(auto all, db_.prepare("select number, samples, bytes from entry order by number"));
  for (;;) {
    FRESHET_TRY_ASSIGN(const bool row, all.step());
    if (!row) break;
    const entry_size size{static_cast<std::size_t>(all.unsigned_integer(1)), all.unsigned_integer(2)};
    entries_.emplace(all.unsigned_integer(0), size);
    bytes_ += size.bytes;
  }
  if (!entries_.empty() && entries_.rbegin()->first >= next_entry_) {
    return {errc::corrupt, db_.file() + ": entry " + std::to_string(entries_.rbegin()->first) +
                               " is not below the next one, " + std::to_string(next_entry_)};
  }
  FRESHET_TRY_ASSIGN(auto marks, db_.prepare("select device, word, bits from seen order by device, word"));
  for (;;) {
    FRESHET_TRY_ASSIGN(const bool row, marks.step());
    if (!row) break;
    const device_id device{static_cast<std::uint32_t>(marks.unsigned_integer(0))};
    sequence_window& window = seen_.try_emplace(device, settings_.window).first->second;
    const std::uint64_t word = marks.unsigned_integer(1);
    const std::uint64_t bits = marks.unsigned_integer(2);
    for (std::uint64_t b = 0; b < 64; ++b) {
      if (((bits >> b) & 1U) != 0) window.mark(sequence{word * 64 + b});
    }
  }
  return {};
}

bool durable_journal::knows(device_id device, sequence position) const {
  const auto it = seen_.find(device);
  return it != seen_.end() && it->second.seen(position);
}

result<std::uint64_t> durable_journal::append(topology::uts_batch batch) {
  const auto found = seen_.find(batch.device);
  if (found == seen_.end() && seen_.size() >= settings_.max_devices) {
    return error{errc::overloaded, "device " + std::to_string(batch.device.value) + " is one more than the " +
                                       std::to_string(settings_.max_devices) + " that this journal remembers"};
  }
  const device_id device = batch.device;
  const entry_size size{batch.samples.size(), content_bytes(batch)};
  // On a copy: what does not commit was never seen.
  sequence_window window = found == seen_.end() ? sequence_window(settings_.window) : found->second;
  std::set<std::uint64_t> words;
  for (const auto& sample : batch.samples) {
    window.mark(sample.position);
    words.insert(sample.position.value / 64);
  }
  const auto bytes = bytes_of(std::move(batch));
  // It would fail again: not the journal's fault.
  if (!bytes.ok()) return error{errc::overloaded, "a batch that cannot be written: " + bytes.err().text()};
  const std::uint64_t number = next_entry_;
  FRESHET_FAULT_POINT("journal.append.before");
  const auto done = db_.in_transaction([&]() -> result<void> {
    FRESHET_TRY(sql_->add_entry.bind(number).bind(std::uint64_t{size.samples}).bind(size.bytes).bind(*bytes).run());
    FRESHET_FAULT_POINT("journal.append.half");
    for (const std::uint64_t word : words) {
      FRESHET_TRY(sql_->mark.bind(number_of(device)).bind(word).bind(window.word(word)).run());
    }
    FRESHET_TRY(sql_->forget_words.bind(number_of(device)).bind(window.lowest_word()).run());
    FRESHET_TRY(sql_->advance.bind(number + 1).run());
    FRESHET_FAULT_POINT("journal.append.commit");
    return {};
  });
  if (!done.ok()) return done.err();
  FRESHET_FAULT_POINT("journal.append.after");
  next_entry_ = number + 1;
  entries_.emplace(number, size);
  bytes_ += size.bytes;
  if (found == seen_.end()) {
    seen_.emplace(device, std::move(window));
  } else {
    found->second = std::move(window);
  }
  return number;
}

result<topology::uts_batch> durable_journal::read(std::uint64_t entry) const {
  const std::string name = db_.file() + ": entry " + std::to_string(entry);
  store::statement& sql = sql_->read_entry;
  sql.bind(entry);
  FRESHET_TRY_ASSIGN(const bool row, sql.step());
  std::vector<std::uint8_t> bytes;
  if (row) bytes = sql.bytes(0);
  sql.reset();
  if (!row) return error{errc::not_found, name};
  FRESHET_TRY_ASSIGN(topology::any_message m, message_of(std::move(bytes), name));
  auto* batch = std::get_if<topology::uts_batch>(&m);
  if (batch == nullptr) return error{errc::corrupt, name + ": not a batch"};
  return std::move(*batch);
}

result<void> durable_journal::erase(const std::vector<std::uint64_t>& entries) {
  FRESHET_FAULT_POINT("journal.erase.before");
  const auto done = db_.in_transaction([&]() -> result<void> {
    for (const std::uint64_t entry : entries) FRESHET_TRY(sql_->erase_entry.bind(entry).run());
    FRESHET_FAULT_POINT("journal.erase.commit");
    return {};
  });
  if (!done.ok()) return done.err();
  FRESHET_FAULT_POINT("journal.erase.after");
  for (const std::uint64_t entry : entries) drop(entry);
  return {};
}

void durable_journal::drop(std::uint64_t entry) {
  const auto it = entries_.find(entry);
  if (it == entries_.end()) return;
  bytes_ -= it->second.bytes;
  entries_.erase(it);
}

result<void> durable_journal::set_aside(std::uint64_t entry) {
  FRESHET_TRY_ASSIGN(auto copy, db_.prepare("insert or replace into damaged select number, batch from entry where "
                                            "number = ?"));
  const auto done = db_.in_transaction([&]() -> result<void> {
    FRESHET_TRY(copy.bind(entry).run());
    return sql_->erase_entry.bind(entry).run();
  });
  if (!done.ok()) return done.err();
  drop(entry);
  return {};
}

result<void> durable_journal::probe(std::uint64_t batch_bytes) {
  // Really written: pages that it takes are free for the batch afterwards.
  FRESHET_TRY(db_.in_transaction([&] { return sql_->occupy.bind(batch_bytes).run(); }));
  return db_.in_transaction([&] { return db_.run("delete from probe"); });
}

std::vector<journal::held_entry> durable_journal::pending() const {
  std::vector<held_entry> all;
  all.reserve(entries_.size());
  for (const auto& [entry, size] : entries_) all.push_back({entry, size.samples});
  return all;
}

std::uint64_t durable_journal::done_below() const { return entries_.empty() ? next_entry_ : entries_.begin()->first; }

}  // namespace freshet::actors

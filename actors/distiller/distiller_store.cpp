#include "actors/distiller/distiller_store.hpp"

#include "actors/distiller/sample_bytes.hpp"
#include "actors/offer_content.hpp"
#include "actors/put_aside.hpp"
#include "kernels/base/fault_point.hpp"
#include "kernels/model/whole_file.hpp"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

namespace freshet::actors {
namespace {

constexpr const char* database_name = "distiller.db";
constexpr const char* old_student_name = "student.safetensors";  // of 0.1
constexpr const char* student_prefix = "student-";
constexpr const char* student_suffix = ".safetensors";
constexpr int recent_pool = 0;
constexpr int reservoir_pool = 1;

const store::database::migrations learned_forms{
    "create table head (line integer primary key, file integer not null, previous_file integer not null,"
    "                   oldest integer not null, retired integer not null, seen integer not null,"
    "                   draw0 integer not null, draw1 integer not null, draw2 integer not null, draw3 integer not null,"
    "                   samples integer not null, fresh integer not null, window_first integer not null);"
    "create table sample (line integer not null, pool integer not null, slot integer not null, seal integer not null,"
    "                     bytes blob not null, unique (line, pool, slot));"
    "create table journal (id integer primary key, done_below integer not null);"
    "create table learned (journal integer not null, entry integer not null, primary key (journal, entry))"
    "  without rowid;"};

}  // namespace

struct distiller_store::statements {
  store::statement put_head, erase_slot, move_slot, add_sample, mark_journal, add_learned, forget_learned;
};

distiller_store::distiller_store(std::filesystem::path folder, content_hash line, store::database db)
    : folder_(std::move(folder)), line_(line), db_(std::move(db)), sql_(nullptr, [](statements* s) { delete s; }) {}

std::filesystem::path distiller_store::student_file(std::uint64_t number) const {
  return folder_ / (student_prefix + std::to_string(number) + student_suffix);
}

result<std::unique_ptr<distiller_store>> distiller_store::open(const std::filesystem::path& folder, content_hash line) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return error{errc::io, folder.string() + ": cannot make this folder (" + failed.message() + ")"};
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failed);
  if (failed) return error{errc::io, folder.string() + ": cannot be kept for its owner only (" + failed.message() + ")"};
  model::remove_stale_temporaries(folder);
  const std::filesystem::path file = folder / database_name;
  auto db = store::database::open(file, learned_forms);
  std::vector<error> faults;
  if (!db.ok() && db.err().code == errc::corrupt) {
    FRESHET_TRY_ASSIGN(const std::filesystem::path kept, put_database_aside(file));
    faults.push_back({errc::corrupt, db.err().context + "; it is kept as " + kept.string() + " and a new one begun"});
    db = store::database::open(file, learned_forms);
  }
  if (!db.ok()) return db.err();
  std::unique_ptr<distiller_store> made(new distiller_store(folder, line, std::move(*db)));
  made->restored_.faults = std::move(faults);
  FRESHET_TRY(made->prepare());
  FRESHET_TRY(made->load());
  made->remove_others();
  return made;
}

result<void> distiller_store::prepare() {
  FRESHET_TRY_ASSIGN(auto put_head,
                     db_.prepare("insert or replace into head values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  FRESHET_TRY_ASSIGN(auto erase_slot, db_.prepare("delete from sample where line = ? and pool = ? and slot = ?"));
  FRESHET_TRY_ASSIGN(auto move_slot, db_.prepare("update sample set pool = ?4, slot = ?5 where line = ?1 and pool = ?2 "
                                                 "and slot = ?3"));
  FRESHET_TRY_ASSIGN(auto add_sample, db_.prepare("insert into sample values (?, ?, ?, ?, ?)"));
  FRESHET_TRY_ASSIGN(auto mark_journal, db_.prepare("insert into journal values (?1, ?2) on conflict (id) do update "
                                                    "set done_below = max(done_below, ?2)"));
  FRESHET_TRY_ASSIGN(auto add_learned, db_.prepare("insert or ignore into learned values (?, ?)"));
  FRESHET_TRY_ASSIGN(auto forget_learned, db_.prepare("delete from learned where journal = ? and entry < ?"));
  sql_.reset(new statements{std::move(put_head), std::move(erase_slot), std::move(move_slot), std::move(add_sample),
                            std::move(mark_journal), std::move(add_learned), std::move(forget_learned)});
  return {};
}

result<void> distiller_store::load() {
  FRESHET_TRY(load_learned());
  FRESHET_TRY(load_head());
  FRESHET_TRY(load_samples());
  return load_student();
}

result<void> distiller_store::load_learned() {
  FRESHET_TRY_ASSIGN(auto marks, db_.prepare("select id, done_below from journal"));
  for (;;) {
    FRESHET_TRY_ASSIGN(const bool row, marks.step());
    if (!row) break;
    restored_.learned.advance(marks.unsigned_integer(0), marks.unsigned_integer(1));
  }
  FRESHET_TRY_ASSIGN(auto entries, db_.prepare("select journal, entry from learned"));
  for (;;) {
    FRESHET_TRY_ASSIGN(const bool row, entries.step());
    if (!row) break;
    restored_.learned.add(entries.unsigned_integer(0), entries.unsigned_integer(1));
  }
  return {};
}

result<void> distiller_store::load_head() {
  FRESHET_TRY_ASSIGN(auto head, db_.prepare("select * from head"));
  for (;;) {
    FRESHET_TRY_ASSIGN(const bool row, head.step());
    if (!row) break;
    const std::uint64_t file = head.unsigned_integer(1);
    const std::uint64_t previous = head.unsigned_integer(2);
    last_file_ = std::max({last_file_, file, previous});
    if (content_hash{head.unsigned_integer(0)} != line_) {
      ++restored_.other_lines;
      of_others_.insert({file, previous});
      continue;
    }
    file_ = file;
    previous_file_ = previous;
    figures& f = restored_.counts;
    f.replay = {
        head.unsigned_integer(3),
        head.unsigned_integer(4),
        head.unsigned_integer(5),
        {head.unsigned_integer(6), head.unsigned_integer(7), head.unsigned_integer(8), head.unsigned_integer(9)}};
    f.samples = head.unsigned_integer(10);
    f.fresh = head.unsigned_integer(11);
    f.window_first = head.unsigned_integer(12);
  }
  return {};
}

result<void> distiller_store::load_samples() {
  FRESHET_TRY_ASSIGN(auto all, db_.prepare("select pool, slot, seal, bytes from sample where line = ? order by pool, "
                                           "slot"));
  all.bind(line_.value);
  for (;;) {
    FRESHET_TRY_ASSIGN(const bool row, all.step());
    if (!row) break;
    const std::int64_t pool = all.integer(0);
    auto& slots = pool == recent_pool ? restored_.recent : restored_.reservoir;
    const std::string name = db_.file() + ": sample " + std::to_string(pool) + "/" + std::to_string(all.integer(1));
    std::vector<std::uint8_t> bytes = all.bytes(3);
    const bool sealed = hash_content(bytes.data(), bytes.size()).value == all.unsigned_integer(2);
    auto sample =
        sealed ? sample_of(std::move(bytes), name) : result<distill::sample_handle>(errc::hash_mismatch, name);
    if (!sample.ok()) restored_.faults.push_back(sample.err());
    // Slots are positions in memory: with one missing all behind it move up.
    restored_.slots_moved = restored_.slots_moved || !sample.ok() || all.unsigned_integer(1) != slots.size();
    if (!sample.ok()) continue;
    slots.push_back(std::move(*sample));
  }
  return {};
}

result<void> distiller_store::load_student() {
  std::error_code ignored;
  for (const std::uint64_t number : {file_, previous_file_}) {
    if (number == 0) continue;
    const std::filesystem::path file = student_file(number);
    auto read = load_state(file);
    if (read.ok() && read->has_value() && (*read)->line == line_) {
      restored_.student = std::move(**read);
      return {};
    }
    error why = !read.ok() ? read.err() : error{errc::not_found, file.string()};
    if (std::filesystem::exists(file, ignored)) {
      FRESHET_TRY_ASSIGN(const std::filesystem::path kept, put_aside(file, "damaged"));
      why.context += "; it is kept as " + kept.string();
    }
    restored_.faults.push_back(std::move(why));
  }
  const std::filesystem::path old = folder_ / old_student_name;
  if (file_ != 0 || !std::filesystem::exists(old, ignored)) return {};
  auto read = load_state(old);
  if (!read.ok()) {
    FRESHET_TRY_ASSIGN(const std::filesystem::path kept, put_aside(old, "damaged"));
    restored_.faults.push_back({read.err().code, read.err().context + "; it is kept as " + kept.string()});
  } else if (read->has_value() && (*read)->line == line_) {
    restored_.counts.samples = restored_.counts.window_first = (*read)->samples;
    restored_.student = std::move(**read);
  }
  return {};
}

void distiller_store::remove_others() const {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename().string();
    const std::string prefix = student_prefix;
    const std::string suffix = student_suffix;
    const bool named_so = name.size() > prefix.size() + suffix.size() && name.compare(0, prefix.size(), prefix) == 0 &&
                          name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
    const auto is = [&](std::uint64_t number) { return entry.path() == student_file(number); };
    if (!named_so || is(file_) || is(previous_file_) || std::any_of(of_others_.begin(), of_others_.end(), is)) continue;
    std::filesystem::remove(entry.path(), ignored);
  }
}

result<void> distiller_store::write_head(const figures& f, std::uint64_t file, std::uint64_t previous_file) {
  const auto& d = f.replay.draws;
  return sql_->put_head.bind(line_.value)
      .bind(file)
      .bind(previous_file)
      .bind(f.replay.oldest)
      .bind(f.replay.retired)
      .bind(f.replay.seen)
      .bind(d[0])
      .bind(d[1])
      .bind(d[2])
      .bind(d[3])
      .bind(f.samples)
      .bind(f.fresh)
      .bind(f.window_first)
      .run();
}

result<void> distiller_store::add_sample(int pool, std::uint64_t slot, const distill::labelled_sample& sample) {
  FRESHET_TRY_ASSIGN(const std::vector<std::uint8_t> bytes, bytes_of(sample));
  return sql_->add_sample.bind(line_.value)
      .bind(std::int64_t{pool})
      .bind(slot)
      .bind(hash_content(bytes.data(), bytes.size()).value)
      .bind(bytes)
      .run();
}

result<void> distiller_store::erase_slot(int pool, std::uint64_t slot) {
  return sql_->erase_slot.bind(line_.value).bind(std::int64_t{pool}).bind(slot).run();
}

result<void> distiller_store::commit_samples(const std::vector<distill::replay::change>& changes,
                                             const learned_work& work, const figures& counts) {
  FRESHET_FAULT_POINT("distiller.samples.before");
  const auto done = db_.in_transaction([&]() -> result<void> {
    for (const auto& c : changes) {
      const std::uint64_t slot = c.recent_slot;
      if (c.moved_to) {
        const std::uint64_t to = *c.moved_to;
        FRESHET_TRY(erase_slot(reservoir_pool, to));
        FRESHET_TRY(sql_->move_slot.bind(line_.value)
                        .bind(std::int64_t{recent_pool})
                        .bind(slot)
                        .bind(std::int64_t{reservoir_pool})
                        .bind(to)
                        .run());
      }
      FRESHET_TRY(erase_slot(recent_pool, slot));
      FRESHET_TRY(add_sample(recent_pool, slot, *c.sample));
    }
    FRESHET_FAULT_POINT("distiller.samples.half");
    FRESHET_TRY(sql_->mark_journal.bind(work.journal).bind(work.done_below).run());
    FRESHET_TRY(sql_->forget_learned.bind(work.journal).bind(work.done_below).run());
    if (work.entry >= work.done_below && work.entry != 0) {
      FRESHET_TRY(sql_->add_learned.bind(work.journal).bind(work.entry).run());
    }
    return write_head(counts, file_, previous_file_);
  });
  FRESHET_FAULT_POINT("distiller.samples.after");
  return done;
}

result<void> distiller_store::commit_student(const distiller_state& student, const figures& counts) {
  const std::uint64_t number = last_file_ + 1;
  FRESHET_FAULT_POINT("distiller.student.before");
  const auto written = save_state(student_file(number), student);
  if (!written.ok()) return written.err();
  FRESHET_FAULT_POINT("distiller.student.written");
  const auto done = db_.in_transaction([&] { return write_head(counts, number, file_); });
  if (!done.ok()) return done.err();
  FRESHET_FAULT_POINT("distiller.student.after");
  last_file_ = number;
  previous_file_ = std::exchange(file_, number);
  remove_others();
  return {};
}

result<void> distiller_store::rewrite_samples(const std::vector<distill::sample_handle>& recent,
                                              const std::vector<distill::sample_handle>& reservoir,
                                              const figures& counts) {
  const auto done = db_.in_transaction([&]() -> result<void> {
    FRESHET_TRY_ASSIGN(auto erase_all, db_.prepare("delete from sample where line = ?"));
    FRESHET_TRY(erase_all.bind(line_.value).run());
    for (const auto& [pool, slots] : {std::pair(recent_pool, &recent), std::pair(reservoir_pool, &reservoir)}) {
      for (std::size_t i = 0; i < slots->size(); ++i) FRESHET_TRY(add_sample(pool, i, *(*slots)[i]));
    }
    return write_head(counts, file_, previous_file_);
  });
  return done;
}

}  // namespace freshet::actors

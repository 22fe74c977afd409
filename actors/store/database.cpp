#include "actors/store/database.hpp"

#include <cstring>
#include <utility>

#include <sqlite3.h>
#include <sys/stat.h>

namespace freshet::store {
namespace {

constexpr int busy_patience_ms = 5000;

errc code_of(int status) {
  switch (status & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return errc::corrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return errc::unavailable;
    case SQLITE_TOOBIG:
      return errc::too_large;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
      return errc::invalid_argument;
    case SQLITE_MISUSE:
      return errc::internal;
    default:
      return errc::io;  // full, read-only, failed reads and writes
  }
}

error failure(sqlite3* db, const std::string& file) {
  return {code_of(sqlite3_extended_errcode(db)), file + ": " + sqlite3_errmsg(db)};
}

}  // namespace

void statement::finalise::operator()(sqlite3_stmt* s) const noexcept { sqlite3_finalize(s); }

statement& statement::bind(std::int64_t number) {
  FRESHET_ENSURE(sqlite3_bind_int64(statement_.get(), next_++, number) == SQLITE_OK, "a parameter too many");
  return *this;
}
statement& statement::bind(std::uint64_t number) { return bind(static_cast<std::int64_t>(number)); }
statement& statement::bind(double number) {
  FRESHET_ENSURE(sqlite3_bind_double(statement_.get(), next_++, number) == SQLITE_OK, "a parameter too many");
  return *this;
}
statement& statement::bind(std::string_view text) {
  const int done = sqlite3_bind_text64(statement_.get(), next_++, text.data() ? text.data() : "", text.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);
  FRESHET_ENSURE(done == SQLITE_OK, "a parameter too many, or a text beyond all limits");
  return *this;
}
statement& statement::bind(const std::vector<std::uint8_t>& bytes) {
  const int done = bytes.empty()
                       ? sqlite3_bind_zeroblob(statement_.get(), next_++, 0)
                       : sqlite3_bind_blob64(statement_.get(), next_++, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  FRESHET_ENSURE(done == SQLITE_OK, "a parameter too many, or bytes beyond all limits");
  return *this;
}
statement& statement::bind_null() {
  FRESHET_ENSURE(sqlite3_bind_null(statement_.get(), next_++) == SQLITE_OK, "a parameter too many");
  return *this;
}

result<bool> statement::step() {
  const int status = sqlite3_step(statement_.get());
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) return false;
  const error why = failure(db_.get(), *file_);
  reset();
  return why;
}

result<void> statement::run() {
  for (;;) {
    FRESHET_TRY_ASSIGN(const bool row, step());
    if (!row) break;
  }
  reset();
  return {};
}

void statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  next_ = 1;
}

std::int64_t statement::integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
std::uint64_t statement::unsigned_integer(int column) const { return static_cast<std::uint64_t>(integer(column)); }
double statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }
std::string statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  const int bytes = sqlite3_column_bytes(statement_.get(), column);
  return text == nullptr ? std::string() : std::string(text, static_cast<std::size_t>(bytes));
}
std::vector<std::uint8_t> statement::bytes(int column) const {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  const int count = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr ? std::vector<std::uint8_t>() : std::vector<std::uint8_t>(data, data + count);
}
bool statement::is_null(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }

database::database(std::shared_ptr<sqlite3> db, std::string file)
    : db_(std::move(db)), file_(std::make_shared<const std::string>(std::move(file))) {}

result<database> database::open(const std::filesystem::path& file, const migrations& steps) {
  // Made for its owner from the first moment; SQLite gives the files beside it the same mode.
  const mode_t before = ::umask(0077);
  sqlite3* raw = nullptr;
  const int opened =
      sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  ::umask(before);
  std::shared_ptr<sqlite3> db(raw, [](sqlite3* d) { sqlite3_close_v2(d); });
  if (raw == nullptr) return error{errc::io, file.string() + ": out of memory"};
  if (opened != SQLITE_OK) return failure(raw, file.string());
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, busy_patience_ms);
  database out(std::move(db), file.string());
  FRESHET_TRY(
      out.run("pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;"
              "pragma trusted_schema = off"));
  {
    FRESHET_TRY_ASSIGN(statement check, out.prepare("pragma quick_check(1)"));
    FRESHET_TRY_ASSIGN(const bool row, check.step());
    if (!row || check.text(0) != "ok") {
      return error{errc::corrupt, file.string() + ": " + (row ? check.text(0) : "no answer of its own check") +
                                      "; restore it from a copy, or move it away to begin anew"};
    }
  }
  std::int64_t version = 0;
  {
    FRESHET_TRY_ASSIGN(statement seen, out.prepare("pragma user_version"));
    FRESHET_TRY_ASSIGN(const bool row, seen.step());
    if (row) version = seen.integer(0);
  }
  const auto known = static_cast<std::int64_t>(steps.size());
  if (version < 0 || version > known) {
    return error{errc::unsupported, file.string() + " has form " + std::to_string(version) + "; this program knows " +
                                        std::to_string(known) + ": it was written by a later one"};
  }
  for (std::int64_t step = version; step < known; ++step) {
    FRESHET_TRY(out.in_transaction([&]() -> result<void> {
      if (auto ran = out.run(steps[static_cast<std::size_t>(step)]); !ran) return ran;
      return out.run("pragma user_version = " + std::to_string(step + 1));
    }));
  }
  return out;
}

result<statement> database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int status =
      sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (status != SQLITE_OK) return failure(db_.get(), *file_);
  return statement(raw, db_, file_);
}

result<void> database::run(std::string_view sql) {
  if (sqlite3_exec(db_.get(), std::string(sql).c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return failure(db_.get(), *file_);
}

result<void> database::in_transaction(const std::function<result<void>()>& what) {
  // "immediate": whoever cannot write finds out here, not half-way.
  FRESHET_TRY(run("begin immediate"));
  auto done = what();
  if (done.ok()) done = run("commit");
  if (!done.ok()) {
    // A full disk may have rolled back by itself; then this fails, and nothing is lost by it.
    static_cast<void>(run("rollback"));
  }
  return done;
}

std::int64_t database::changes() const { return sqlite3_changes64(db_.get()); }

}  // namespace freshet::store

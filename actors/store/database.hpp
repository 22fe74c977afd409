// A file of records: SQLite in WAL mode, synced at every commit, readable by its owner only. What
// commits is on the disk; what did not commit never was. One connection a thing that owns a file:
// other processes may open the same file, one writer at a time.
// Thread contract: a database and its statements belong to one thread at a time.
#pragma once

#include "kernels/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace freshet::store {

/// A prepared statement: bind in order, step, read columns, and again after reset().
///   FRESHET_TRY_ASSIGN(auto all, db.prepare("select name from t where age > ?"));
///   all.bind(std::int64_t{3});
///   for (;;) { FRESHET_TRY_ASSIGN(const bool row, all.step()); if (!row) break; all.text(0); }
class statement {
 public:
  statement(statement&&) noexcept = default;
  statement& operator=(statement&&) noexcept = default;

  /// The next parameter. Bytes and text are copied. Numbers are 64-bit signed on the disk; unsigned ones
  /// are kept bit by bit.
  statement& bind(std::int64_t number);
  statement& bind(std::uint64_t number);
  statement& bind(double number);
  statement& bind(std::string_view text);
  statement& bind(const std::vector<std::uint8_t>& bytes);
  statement& bind_null();

  /// True while there is a row.
  [[nodiscard]] result<bool> step();
  /// Steps to the end, for what returns nothing; then ready to be bound again.
  [[nodiscard]] result<void> run();
  /// To be bound again.
  void reset();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::uint64_t unsigned_integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::vector<std::uint8_t> bytes(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  friend class database;
  struct finalise {
    void operator()(sqlite3_stmt* s) const noexcept;
  };
  statement(sqlite3_stmt* s, std::shared_ptr<sqlite3> db, std::shared_ptr<const std::string> file)
      : db_(std::move(db)), file_(std::move(file)), statement_(s) {}

  // Declared before the statement, so that it outlives it.
  std::shared_ptr<sqlite3> db_;
  std::shared_ptr<const std::string> file_;
  std::unique_ptr<sqlite3_stmt, finalise> statement_;
  int next_ = 1;
};

class database {
 public:
  /// Steps from an empty file to today's form, one text of SQL each. A step is never changed once
  /// released: what is new is appended. A file that has seen more steps than there are was written by
  /// a later program and is refused.
  using migrations = std::vector<std::string_view>;

  /// Opens or makes `file` (0600; its folder must exist), checks it, and brings it to today's form.
  /// A file that is not a sound database is errc::corrupt and is left as it is.
  static result<database> open(const std::filesystem::path& file, const migrations& steps);

  [[nodiscard]] result<statement> prepare(std::string_view sql);
  /// One or several statements without parameters.
  [[nodiscard]] result<void> run(std::string_view sql);
  /// All of `what`, or nothing of it: commits when it succeeds, rolls back when it or the commit fails.
  [[nodiscard]] result<void> in_transaction(const std::function<result<void>()>& what);
  /// Rows that the last insert, update or delete touched.
  [[nodiscard]] std::int64_t changes() const;
  [[nodiscard]] const std::string& file() const { return *file_; }

 private:
  database(std::shared_ptr<sqlite3> db, std::string file);
  std::shared_ptr<sqlite3> db_;
  std::shared_ptr<const std::string> file_;
};

}  // namespace freshet::store

// Every topology that ever ran or was tried here, with who asked for it, when, and how it ended: what
// `freshet history` shows and `freshet apply --revision` goes back to.
// Thread contract: that of its database. The daemon's launcher writes before any node runs, CONTROL
// afterwards.
#pragma once

#include "actors/store/database.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace freshet::actors {

/// How far a revision came. Kept as text, so that a database explains itself.
enum class revision_state : std::uint8_t { preparing, switching, finishing, applied, reverting, reverted };
[[nodiscard]] const std::string& name(revision_state s);

struct revision {
  std::uint64_t number = 0;     ///< from 1
  std::int64_t at_unix_ms = 0;  ///< when it was asked for
  std::string who;              ///< "ada@host", "SIGHUP"
  std::string file;             ///< what messages call the document
  std::string base_dir;
  std::string text;         ///< the document
  bool from_start = false;  ///< the file that the daemon was started with
  revision_state state = revision_state::preparing;
  std::string note;        ///< why it was reverted
  std::string steps_json;  ///< the plan that led to it, as an array
};

class revision_store {
 public:
  static result<revision_store> open(const std::filesystem::path& file);

  /// Records it under the next number, which is returned.
  result<std::uint64_t> add(const revision& r);
  result<void> set_state(std::uint64_t number, revision_state state, const std::string& note = "");
  /// Nothing when there is none of that number.
  result<std::optional<revision>> find(std::uint64_t number);
  /// The one that runs: the last to be applied.
  result<std::optional<revision>> current();
  /// The one that was being applied when the last life ended.
  result<std::optional<revision>> unfinished();
  /// The newest first.
  result<std::vector<revision>> list(std::size_t most);

  /// Forgets all but the newest `keep`, what runs, what is under way, and the document of the last start.
  result<void> forget(std::size_t keep);

  /// What a daemon begins with that was started with this document: what was applied last, unless the
  /// document is another one than at the last start; then that is a new revision.
  result<revision> begin(const revision& started_with);

 private:
  explicit revision_store(store::database db) : db_(std::move(db)) {}
  result<std::optional<revision>> first_of(std::string_view condition, std::optional<std::uint64_t> number);
  store::database db_;
};

}  // namespace freshet::actors

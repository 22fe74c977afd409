#include "actors/control/revision_store.hpp"

#include <array>
#include <utility>

namespace freshet::actors {
namespace {

const store::database::migrations forms{R"(
create table revisions (
  number integer primary key autoincrement,
  at_unix_ms integer not null,
  who text not null,
  file text not null,
  base_dir text not null,
  text text not null,
  from_start integer not null,
  state text not null,
  applied_order integer,
  note text not null,
  steps text not null
);
create unique index revisions_by_applied on revisions (applied_order);
)"};

const std::array<std::string, 6> state_names{"preparing", "switching", "finishing", "applied", "reverting", "reverted"};

constexpr const char* columns =
    "select number, at_unix_ms, who, file, base_dir, text, from_start, state, note, steps from revisions ";

result<revision> row_of(const store::statement& row, const std::string& file) {
  revision r;
  r.number = row.unsigned_integer(0);
  r.at_unix_ms = row.integer(1);
  r.who = row.text(2);
  r.file = row.text(3);
  r.base_dir = row.text(4);
  r.text = row.text(5);
  r.from_start = row.integer(6) != 0;
  const std::string state = row.text(7);
  std::size_t i = 0;
  while (i < state_names.size() && state_names[i] != state) ++i;
  if (i == state_names.size())
    return error{errc::corrupt, file + ": revision " + std::to_string(r.number) + " has the state \"" + state + "\""};
  r.state = static_cast<revision_state>(i);
  r.note = row.text(8);
  r.steps_json = row.text(9);
  return r;
}

}  // namespace

const std::string& name(revision_state s) { return state_names[static_cast<std::size_t>(s)]; }

result<revision_store> revision_store::open(const std::filesystem::path& file) {
  FRESHET_TRY_ASSIGN(store::database db, store::database::open(file, forms));
  return revision_store(std::move(db));
}

result<std::uint64_t> revision_store::add(const revision& r) {
  std::uint64_t number = 0;
  FRESHET_TRY(db_.in_transaction([&]() -> result<void> {
    FRESHET_TRY_ASSIGN(auto insert,
                       db_.prepare("insert into revisions (at_unix_ms, who, file, base_dir, text, from_start, "
                                   "state, note, steps) values (?, ?, ?, ?, ?, ?, ?, ?, ?) returning number"));
    insert.bind(r.at_unix_ms).bind(r.who).bind(r.file).bind(r.base_dir).bind(r.text);
    insert.bind(std::int64_t{r.from_start}).bind(name(revision_state::preparing)).bind(r.note).bind(r.steps_json);
    FRESHET_TRY_ASSIGN(const bool row, insert.step());
    FRESHET_ENSURE(row, "an insert returns its number");
    number = insert.unsigned_integer(0);
    return insert.run();
  }));
  if (r.state != revision_state::preparing) FRESHET_TRY(set_state(number, r.state, r.note));
  return number;
}

result<void> revision_store::set_state(std::uint64_t number, revision_state state, const std::string& note) {
  FRESHET_TRY_ASSIGN(auto update,
                     db_.prepare(state == revision_state::applied
                                     ? "update revisions set state = ?, note = ?, applied_order = "
                                       "(select coalesce(max(applied_order), 0) + 1 from revisions) where number = ?"
                                     : "update revisions set state = ?, note = ? where number = ?"));
  return update.bind(name(state)).bind(note).bind(number).run();
}

result<std::optional<revision>> revision_store::first_of(std::string_view condition,
                                                         std::optional<std::uint64_t> number) {
  FRESHET_TRY_ASSIGN(auto select, db_.prepare(columns + std::string(condition) + " limit 1"));
  if (number) select.bind(*number);
  FRESHET_TRY_ASSIGN(const bool row, select.step());
  if (!row) return std::optional<revision>();
  FRESHET_TRY_ASSIGN(revision r, row_of(select, db_.file()));
  return std::optional<revision>(std::move(r));
}

result<std::optional<revision>> revision_store::find(std::uint64_t number) {
  return first_of("where number = ?", number);
}

result<std::optional<revision>> revision_store::current() {
  return first_of("where applied_order is not null order by applied_order desc", std::nullopt);
}

result<std::optional<revision>> revision_store::unfinished() {
  return first_of("where state in ('preparing', 'switching', 'finishing', 'reverting') and number > "
                  "coalesce((select max(number) from revisions where applied_order is not null), 0) order by number desc",
                  std::nullopt);
}

result<std::vector<revision>> revision_store::list(std::size_t most) {
  FRESHET_TRY_ASSIGN(auto select, db_.prepare(std::string(columns) + "order by number desc limit ?"));
  select.bind(static_cast<std::int64_t>(most));
  std::vector<revision> all;
  for (;;) {
    FRESHET_TRY_ASSIGN(const bool row, select.step());
    if (!row) return all;
    FRESHET_TRY_ASSIGN(revision r, row_of(select, db_.file()));
    all.push_back(std::move(r));
  }
}

result<void> revision_store::forget(std::size_t keep) {
  FRESHET_TRY_ASSIGN(auto remove,
                     db_.prepare("delete from revisions where state in ('applied', 'reverted') and number not in "
                                 "(select number from revisions order by number desc limit ?) and number not in "
                                 "(select number from revisions where applied_order is not null "
                                 "order by applied_order desc limit 1) and number not in "
                                 "(select number from revisions where from_start = 1 and applied_order is not null "
                                 "order by number desc limit 1)"));
  return remove.bind(static_cast<std::int64_t>(keep)).run();
}

result<revision> revision_store::begin(const revision& started_with) {
  for (;;) {
    FRESHET_TRY_ASSIGN(const auto left, unfinished());
    if (!left) break;
    FRESHET_TRY(set_state(left->number, revision_state::reverted, "the daemon stopped before it was applied"));
  }
  FRESHET_TRY_ASSIGN(const auto last_start, first_of("where from_start = 1 and applied_order is not null order by number desc", std::nullopt));
  if (last_start && last_start->text == started_with.text && last_start->base_dir == started_with.base_dir) {
    FRESHET_TRY_ASSIGN(auto now, current());
    if (now) return std::move(*now);
  }
  revision fresh = started_with;
  fresh.from_start = true;
  fresh.state = revision_state::applied;
  fresh.steps_json = "[]";
  FRESHET_TRY_ASSIGN(fresh.number, add(fresh));
  return fresh;
}

}  // namespace freshet::actors

#include "actors/control/revision_store.hpp"

#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

namespace freshet::actors {
namespace {

revision document(const std::string& text) {
  revision r;
  r.at_unix_ms = 1'000;
  r.who = "ada@lab";
  r.file = "my.toml";
  r.base_dir = "/etc";
  r.text = text;
  r.steps_json = "[]";
  return r;
}

class revisions : public ::testing::Test {
 protected:
  revision_store open() {
    auto s = revision_store::open(folder.path() / "revisions.db");
    EXPECT_TRUE(s.ok()) << s.err().text();
    return std::move(s).value();
  }
  test::temporary_folder folder;
};

TEST_F(revisions, begin_with_the_file_and_go_on_with_what_was_applied_last) {
  {
    auto store = open();
    const auto first = store.begin(document("a"));
    ASSERT_TRUE(first.ok()) << first.err().text();
    EXPECT_EQ(first->number, 1U);
    const auto second = store.add(document("b"));
    ASSERT_TRUE(second.ok());
    EXPECT_EQ(store.current()->value().number, 1U);  // only asked for
    EXPECT_EQ(store.unfinished()->value().number, 2U);
    ASSERT_TRUE(store.set_state(*second, revision_state::applied).ok());
  }
  auto store = open();
  const auto same_file = store.begin(document("a"));
  EXPECT_EQ(same_file->number, 2U);
  EXPECT_EQ(same_file->text, "b");
  const auto edited = store.begin(document("c"));
  EXPECT_EQ(edited->number, 3U);
  EXPECT_EQ(store.begin(document("c"))->number, 3U);
  EXPECT_EQ(store.current()->value().text, "c");
}

TEST_F(revisions, what_was_under_way_when_the_daemon_stopped_is_reverted) {
  {
    auto store = open();
    ASSERT_TRUE(store.begin(document("a")).ok());
    ASSERT_TRUE(store.add(document("b")).ok());
    ASSERT_TRUE(store.set_state(2, revision_state::switching).ok());
  }
  auto store = open();
  EXPECT_EQ(store.begin(document("a"))->number, 1U);
  const auto b = store.find(2);
  EXPECT_EQ((*b)->state, revision_state::reverted);
  EXPECT_FALSE((*b)->note.empty());
  EXPECT_FALSE(store.unfinished()->has_value());
}

TEST_F(revisions, going_back_makes_the_older_text_current_under_a_new_number) {
  auto store = open();
  ASSERT_TRUE(store.begin(document("a")).ok());
  for (const char* text : {"b", "a"}) {
    const auto n = store.add(document(text));
    ASSERT_TRUE(store.set_state(*n, revision_state::applied).ok());
  }
  EXPECT_EQ(store.current()->value().number, 3U);
  EXPECT_EQ(store.current()->value().text, "a");
  const auto all = store.list(2);
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->front().number, 3U);
  EXPECT_EQ(all->back().text, "b");
  EXPECT_FALSE(store.find(9)->has_value());
}

TEST_F(revisions, old_ones_are_forgotten_but_not_what_runs_what_is_under_way_and_what_it_was_started_with) {
  auto store = open();
  ASSERT_TRUE(store.begin(document("start")).ok());
  const auto runs = store.add(document("runs"));
  ASSERT_TRUE(store.set_state(*runs, revision_state::applied).ok());
  for (int i = 0; i < 20; ++i) {
    const auto n = store.add(document("tried"));
    ASSERT_TRUE(store.set_state(*n, revision_state::reverted, "no").ok());
  }
  ASSERT_TRUE(store.add(document("under way")).ok());
  ASSERT_TRUE(store.forget(4).ok());
  std::vector<std::string> texts;
  const auto all = store.list(100).value();
  for (const revision& r : all) texts.push_back(r.text);
  EXPECT_EQ(texts, (std::vector<std::string>{"under way", "tried", "tried", "tried", "runs", "start"}));
  EXPECT_EQ(store.current()->value().text, "runs");
  EXPECT_EQ(store.unfinished()->value().text, "under way");
  // Started again with the same file, it goes on with what was applied; numbers go on too.
  EXPECT_EQ(store.begin(document("start"))->text, "runs");
  EXPECT_EQ(store.add(document("next")).value(), 24U);
}

}  // namespace
}  // namespace freshet::actors

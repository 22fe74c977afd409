#include "actors/control/change.hpp"

#include "kernels/base/rng.hpp"

#include <gtest/gtest.h>

namespace freshet::actors {
namespace {

using namespace std::chrono_literals;
using topology::change_step;

constexpr std::uint64_t old_revision = 4;
constexpr std::uint64_t new_revision = 5;
constexpr change::limits patience{60s, 45s, 30s};

topology::node_report at(const std::string& node, std::uint64_t prepared, std::uint64_t active, bool finished) {
  return {node, prepared, active, finished, 0, ""};
}

class a_change : public ::testing::Test {
 protected:
  change make(revision_state s = revision_state::preparing) {
    return {old_revision, new_revision, {"a", "b", "fresh"}, {"a", "b"}, s, patience, now};
  }
  void hear(const topology::node_report& r) { reports[r.node] = {r, now}; }
  void all(std::uint64_t prepared, std::uint64_t active, bool finished) {
    for (const char* node : {"a", "b", "fresh"}) hear(at(node, prepared, active, finished));
  }
  report_board reports;
  time_point now{1h};
};

TEST_F(a_change, goes_from_step_to_step_when_all_are_there) {
  change c = make();
  EXPECT_FALSE(c.advance(reports, now));
  EXPECT_EQ(c.orders(reports).size(), 3U);
  EXPECT_EQ(c.orders(reports).at("a").step, change_step::prepare);
  all(new_revision, old_revision, true);
  EXPECT_TRUE(c.advance(reports, now));
  EXPECT_EQ(c.state(), revision_state::switching);
  hear(at("a", 0, new_revision, false));
  EXPECT_FALSE(c.advance(reports, now));
  EXPECT_EQ(c.orders(reports).count("a"), 0U);
  EXPECT_EQ(c.orders(reports).at("b").step, change_step::become);
  all(0, new_revision, false);
  EXPECT_TRUE(c.advance(reports, now));
  EXPECT_EQ(c.state(), revision_state::finishing);
  all(0, new_revision, true);
  EXPECT_TRUE(c.advance(reports, now));
  EXPECT_EQ(c.state(), revision_state::applied);
  EXPECT_TRUE(c.orders(reports).empty());
}

TEST_F(a_change, goes_back_when_a_node_cannot) {
  change c = make();
  auto failed = at("b", 0, old_revision, true);
  failed.failed = new_revision;
  failed.failure = "no such model";
  hear(failed);
  EXPECT_TRUE(c.advance(reports, now));
  EXPECT_EQ(c.state(), revision_state::reverting);
  EXPECT_EQ(c.note(), "node b: no such model");
  // Nobody had switched; the node that is only of the new revision is not waited for.
  hear(at("a", 0, old_revision, true));
  EXPECT_TRUE(c.advance(reports, now));
  EXPECT_EQ(c.state(), revision_state::reverted);
}

TEST_F(a_change, is_not_back_before_all_have_dropped_what_they_prepared) {
  change c = make();
  hear(at("a", new_revision, old_revision, true));
  hear(at("b", 0, old_revision, true));
  c.revert("told to");
  EXPECT_FALSE(c.advance(reports, now));
  const auto orders = c.orders(reports);
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(orders.at("a").revision, old_revision);
  EXPECT_EQ(orders.at("a").step, change_step::finish);
  hear(at("a", 0, old_revision, true));
  EXPECT_TRUE(c.advance(reports, now));
  EXPECT_EQ(c.state(), revision_state::reverted);
}

TEST_F(a_change, goes_back_when_what_was_started_does_not_last) {
  for (const bool finished_elsewhere : {false, true}) {
    reports.clear();
    change c = make();
    all(new_revision, old_revision, true);
    c.advance(reports, now);
    all(0, new_revision, false);
    c.advance(reports, now);
    ASSERT_EQ(c.state(), revision_state::finishing);
    hear(at("a", 0, new_revision, finished_elsewhere));
    auto fell = at("b", 0, new_revision, false);
    fell.failed = new_revision;
    fell.failure = "role device failed: after a while";
    hear(fell);
    EXPECT_TRUE(c.advance(reports, now));
    EXPECT_EQ(c.state(), revision_state::reverting);
    EXPECT_EQ(c.note(), "node b: role device failed: after a while");
    EXPECT_EQ(c.orders(reports).at("b").step, change_step::become);
  }
}

TEST_F(a_change, waits_while_a_node_is_in_between) {
  change c = make();
  all(new_revision, old_revision, true);
  c.advance(reports, now);
  all(0, new_revision, false);
  hear(at("b", 0, 0, false));   // started, and not yet seen to stay up
  EXPECT_FALSE(c.advance(reports, now));
  now += 45s;
  EXPECT_TRUE(c.advance(reports, now));
  EXPECT_EQ(c.state(), revision_state::reverting);
  EXPECT_EQ(c.orders(reports).at("b").step, change_step::become) << "it must be brought back from in between";
}

TEST_F(a_change, goes_back_when_a_node_is_silent_and_names_it) {
  change c = make();
  all(new_revision, old_revision, true);
  c.advance(reports, now);
  hear(at("a", 0, new_revision, false));
  hear(at("fresh", 0, new_revision, false));
  now += 44s;
  EXPECT_FALSE(c.advance(reports, now));
  now += 1s;
  EXPECT_TRUE(c.advance(reports, now));
  EXPECT_EQ(c.state(), revision_state::reverting);
  EXPECT_NE(c.note().find("while switching from b"), std::string::npos) << c.note();
  const auto orders = c.orders(reports);
  ASSERT_EQ(orders.size(), 2U);
  EXPECT_EQ(orders.at("a").revision, old_revision);
  EXPECT_EQ(orders.at("a").step, change_step::become);
  EXPECT_EQ(orders.at("b").revision, old_revision);
  EXPECT_EQ(orders.at("b").step, change_step::finish) << "b never switched, and drops what it prepared";
  hear(at("a", 0, old_revision, false));
  EXPECT_EQ(c.orders(reports).at("a").step, change_step::finish);
}

TEST_F(a_change, reverting_does_not_wait_for_ever_for_a_dead_node) {
  change c = make();
  c.revert("told to");
  hear(at("a", 0, new_revision, false));
  hear(at("b", 0, old_revision, true));
  EXPECT_FALSE(c.advance(reports, now));
  EXPECT_EQ(c.orders(reports).count("a"), 1U);
  now += 44s;
  EXPECT_FALSE(c.advance(reports, now));
  now += 1s;
  EXPECT_TRUE(c.advance(reports, now));
  EXPECT_EQ(c.state(), revision_state::reverted);
  EXPECT_EQ(c.note(), "told to; not yet heard to be back: a");
}

TEST_F(a_change, reverts_at_once_when_all_are_back) {
  change c = make();
  c.revert("told to");
  hear(at("a", 0, old_revision, true));
  hear(at("b", 0, old_revision, true));
  EXPECT_TRUE(c.advance(reports, now));
  EXPECT_EQ(c.state(), revision_state::reverted);
  EXPECT_EQ(c.note(), "told to");
}

TEST_F(a_change, brings_a_node_that_was_restarted_along) {
  change c = make(revision_state::finishing);
  all(0, new_revision, true);
  hear(at("b", 0, old_revision, true));  // a new process, with the old document
  EXPECT_FALSE(c.advance(reports, now));
  EXPECT_EQ(c.orders(reports).at("b").step, change_step::become);
}

// Nodes as they are: they carry orders out late, lose what they knew when they are killed, sometimes
// fail. Whatever happens, the change ends, and then every node that was there before is of one revision.
TEST_F(a_change, ends_applied_or_reverted_under_any_chaos) {
  std::size_t applied = 0;
  std::size_t reverted = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    rng chance(seed);
    change c = make();
    std::map<std::string, topology::node_report> nodes;
    for (const char* n : {"a", "b"}) nodes[n] = at(n, 0, old_revision, true);
    nodes["fresh"] = at("fresh", 0, 0, false);
    reports.clear();
    for (int step = 0; step < 5000 && !c.ended(); ++step) {
      now += 100ms;
      for (const auto& [name, order] : c.orders(reports)) {
        if (chance.chance(0.3)) continue;  // lost
        auto& n = nodes[name];
        if (order.step == change_step::prepare) {
          if (chance.chance(0.01))
            n.failed = order.revision, n.failure = "bad luck";
          else
            n.prepared = order.revision;
        } else {
          if (n.active != order.revision) n.active = order.revision, n.finished = false, n.prepared = 0;
          if (order.step == change_step::finish) n.finished = true, n.prepared = 0;
          if (order.revision == new_revision && chance.chance(0.01))
            n.failed = order.revision, n.failure = "worse luck";
        }
      }
      for (auto& [name, n] : nodes) {
        if (chance.chance(0.01)) n = at(name, 0, name == "fresh" ? 0 : old_revision, name != "fresh");  // killed
        if (chance.chance(0.5)) hear(n);
      }
      c.advance(reports, now);
    }
    ASSERT_TRUE(c.ended()) << "seed " << seed << " is " << name(c.state());
    (c.state() == revision_state::applied ? applied : reverted) += 1;
    const bool all_heard = c.note().find("not yet heard") == std::string::npos;
    const std::uint64_t right = c.state() == revision_state::applied ? new_revision : old_revision;
    for (const char* n : {"a", "b"})
      EXPECT_TRUE(!all_heard || (reports[n].what.active == right && reports[n].what.prepared == 0)) << "seed " << seed;
  }
  EXPECT_GT(applied, 50U);
  EXPECT_GT(reverted, 20U);
}

}  // namespace
}  // namespace freshet::actors

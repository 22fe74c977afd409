#include "actors/bench/bench_core.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/fake_outbox.hpp"

namespace freshet::actors {
namespace bench_core_test {

using namespace std::chrono_literals;
using topology::device_report;
using topology::pace;
using topology::paced;
using topology::tick_learned;

const topology::address distiller{"cloud", "distiller"};

class bench : public ::testing::Test {
 protected:
  bench() {
    options_.devices = {device(1), device(2), device(3)};
    options_.ticks = 2;
    options_.samples_per_tick = 5;
    options_.patience = 60s;
  }
  static topology::address device(std::uint32_t i) { return {"edge-" + std::to_string(i), "device"}; }

  void begin() {
    core_ = std::make_unique<bench_core>(options_, progress_);
    core_->start(now_, out_);
  }
  void answers(std::uint32_t i, std::uint64_t tick, const std::string& text) {
    paced p;
    p.device = device_id{i};
    p.tick = tick;
    p.answers = std::vector<std::string>(5, text);
    core_->handle(device(i), p, now_, out_);
  }
  void learned(std::uint64_t tick, std::uint64_t desired) {
    core_->handle(distiller, tick_learned{tick, version{desired}, tick * 15}, now_, out_);
  }
  void runs(std::uint32_t i, std::uint64_t active) {
    device_report r;
    r.device = device_id{i};
    r.active = version{active};
    core_->handle(device(i), r, now_, out_);
  }

  bench_options options_;
  std::shared_ptr<bench_progress> progress_ = std::make_shared<bench_progress>();
  std::unique_ptr<bench_core> core_;
  test::fake_outbox out_;
  time_point now_{1000s};
};

TEST_F(bench, paces_every_device_through_its_stream_in_order) {
  begin();
  for (std::uint64_t tick = 1; tick <= 2; ++tick) {
    ASSERT_EQ(out_.messages.size(), 3U) << tick;
    for (std::uint32_t i = 1; i <= 3; ++i) {
      EXPECT_EQ(out_.messages[i - 1].to, device(i));
      const auto& p = std::get<pace>(out_.messages[i - 1].message);
      EXPECT_EQ(p.tick, tick);
      EXPECT_EQ(p.first, (tick - 1) * 5);
      EXPECT_EQ(p.count, 5U);
    }
    out_.messages.clear();
    for (std::uint32_t i = 1; i <= 3; ++i) answers(i, tick, "t" + std::to_string(tick));
    learned(tick, tick);
    for (std::uint32_t i = 1; i <= 3; ++i) runs(i, tick);
  }
  EXPECT_TRUE(out_.messages.empty());
  EXPECT_TRUE(progress_->done);
  EXPECT_EQ(progress_->tick, 2U);
  EXPECT_EQ(progress_->version, 2U);
  EXPECT_EQ(progress_->trained, 30U);
  EXPECT_EQ(progress_->stragglers, 0U);
  EXPECT_EQ(progress_->versions, (std::vector<std::uint64_t>{1, 2}));
  for (std::uint32_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(progress_->answers[i],
              (std::vector<std::string>{"t1", "t1", "t1", "t1", "t1", "t2", "t2", "t2", "t2", "t2"}));
  }
}

TEST_F(bench, goes_on_only_when_the_last_of_all_conditions_holds) {
  // The events of a tick in any order of their groups: only the last one lets the next tick begin.
  std::vector<int> order{0, 1, 2};
  do {
    progress_ = std::make_shared<bench_progress>();
    out_ = {};
    begin();
    out_.messages.clear();
    for (const int group : order) {
      EXPECT_EQ(progress_->tick, 0U);
      EXPECT_TRUE(out_.messages.empty());
      for (std::uint32_t i = 1; i <= 3; ++i) {
        EXPECT_TRUE(out_.messages.empty());
        if (group == 0) answers(i, 1, "x");
        if (group == 1 && i == 3) learned(1, 4);
        if (group == 2) runs(i, 4);
      }
    }
    EXPECT_EQ(progress_->tick, 1U);
    EXPECT_EQ(out_.count<pace>(), 3U);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(bench, a_newer_version_than_the_desired_one_will_do) {
  begin();
  for (std::uint32_t i = 1; i <= 3; ++i) answers(i, 1, "x");
  runs(1, 3);
  runs(2, 2);
  runs(3, 2);
  learned(1, 2);
  EXPECT_EQ(progress_->tick, 1U);
}

TEST_F(bench, without_a_new_version_nobody_is_waited_for) {
  begin();
  for (std::uint32_t i = 1; i <= 3; ++i) answers(i, 1, "x");
  learned(1, 0);
  EXPECT_EQ(progress_->tick, 1U);
  EXPECT_EQ(progress_->stragglers, 0U);
}

TEST_F(bench, answers_that_come_twice_or_late_count_once) {
  begin();
  answers(1, 1, "first");
  answers(1, 1, "again");
  answers(2, 7, "of no tick");
  EXPECT_EQ(progress_->answers[1], std::vector<std::string>(5, "first"));
  EXPECT_TRUE(progress_->answers[2].empty());
  answers(2, 1, "x");
  answers(3, 1, "x");
  learned(1, 0);
  answers(3, 1, "late");
  EXPECT_EQ(progress_->answers[3].size(), 5U);
  EXPECT_EQ(progress_->tick, 1U);
}

TEST_F(bench, what_a_device_could_not_answer_is_known_by_its_place_in_the_stream) {
  begin();
  for (std::uint64_t tick = 1; tick <= 2; ++tick) {
    for (std::uint32_t i = 1; i <= 3; ++i) {
      paced p;
      p.device = device_id{i};
      p.tick = tick;
      p.answers = std::vector<std::string>(5, "x");
      if (i == 2) p.skipped = {0, 4};
      core_->handle(device(i), p, now_, out_);
    }
    learned(tick, 0);
  }
  EXPECT_EQ(progress_->skipped[2], (std::set<std::uint64_t>{0, 4, 5, 9}));
  EXPECT_TRUE(progress_->skipped[1].empty());
}

TEST_F(bench, what_was_learned_of_another_tick_does_not_end_this_one) {
  begin();
  for (std::uint32_t i = 1; i <= 3; ++i) answers(i, 1, "x");
  learned(2, 0);
  EXPECT_EQ(progress_->tick, 0U);
  learned(1, 0);
  EXPECT_EQ(progress_->tick, 1U);
  learned(1, 9);  // again
  EXPECT_EQ(progress_->version, 0U);
}

TEST_F(bench, a_device_that_stays_behind_is_counted_and_left) {
  begin();
  for (std::uint32_t i = 1; i <= 3; ++i) answers(i, 1, "x");
  // However long learning takes, patience with devices begins after it.
  now_ += 300s;
  core_->tick(now_, out_);
  learned(1, 1);
  runs(1, 1);
  runs(3, 1);
  EXPECT_EQ(progress_->tick, 0U);
  now_ += 59s;
  core_->tick(now_, out_);
  learned(1, 1);  // said twice: patience does not begin anew
  EXPECT_EQ(progress_->tick, 0U);
  now_ += 1s;
  core_->tick(now_, out_);
  EXPECT_EQ(progress_->tick, 1U);
  EXPECT_EQ(progress_->stragglers, 1U);
}

TEST_F(bench, a_device_that_does_not_answer_is_waited_for) {
  begin();
  answers(1, 1, "x");
  answers(2, 1, "x");
  learned(1, 0);
  now_ += 3600s;
  core_->tick(now_, out_);
  EXPECT_EQ(progress_->tick, 0U);
  answers(3, 1, "x");
  EXPECT_EQ(progress_->tick, 1U);
}

TEST_F(bench, a_run_of_no_ticks_is_over_at_once) {
  options_.ticks = 0;
  begin();
  EXPECT_TRUE(progress_->done);
  EXPECT_TRUE(out_.messages.empty());
}

}  // namespace bench_core_test
}  // namespace freshet::actors

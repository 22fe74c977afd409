#include "actors/rt/role_engine.hpp"

#include "tests/support/test_cores.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace freshet::rt {
namespace {

using namespace std::chrono_literals;

struct set_clock final : time_source {
  time_point at{};
  [[nodiscard]] time_point now() const override { return at; }
};

// Never done: as a role that trains all day.
struct endless_core final : testing::quiet_core {
  bool work(time_point, actors::outbox&) override { return true; }
};

TEST(role_engine, gets_its_figures_out_between_slices_without_waiting_for_a_timer) {
  auto clock = std::make_shared<set_clock>();
  engine_options options;
  options.self = {"cloud", "distiller"};
  options.life = epoch{3};
  options.stats = topology::address{"cloud", "stats"};
  options.clock = clock;
  options.log = spdlog::default_logger();
  const auto waiting = std::make_shared<std::atomic<std::int64_t>>(17);
  options.waiting = waiting;
  role_engine engine(options, std::make_unique<endless_core>());
  engine.start();
  std::vector<topology::role_report> reports;
  for (int slice = 0; slice < 70; ++slice) {
    clock->at += 50ms;
    ASSERT_TRUE(engine.wants_work());
    engine.work();
    for (auto& parcel : engine.take_outgoing())
      if (const auto* r = std::get_if<topology::role_report>(&*parcel.body)) reports.push_back(*r);
  }
  ASSERT_EQ(reports.size(), 3u);
  const auto shell = nlohmann::json::parse(reports.back().json).at("shell");
  EXPECT_EQ(shell.at("mailbox"), 17);
  EXPECT_EQ(shell.at("slices"), 60);
  // Flat pairs of a bucket and its count.
  EXPECT_EQ(shell.at("work").at("buckets").size() % 2, 0u);
  EXPECT_EQ(shell.at("work").at("buckets").at(1), 60);
}

// Three samples in two pieces and a version in each slice; that one was on its way for a second.
struct telling_core final : testing::quiet_core {
  explicit telling_core(std::shared_ptr<set_clock> c) : clock(std::move(c)) {}
  bool work(time_point, actors::outbox& out) override {
    clock->at += 30ms;
    out.spent_on("answer", 2);
    clock->at += 10ms;
    out.spent_on("answer", 1);
    clock->at += 5ms;
    out.spent_on("decode", 1);
    out.passed_in("transfer", 1, 1s);
    clock->at += 7ms;  // of which nothing is told
    return true;
  }
  std::shared_ptr<set_clock> clock;
};

TEST(role_engine, meters_the_stages_that_a_core_names) {
  auto clock = std::make_shared<set_clock>();
  engine_options options;
  options.self = {"edge", "device"};
  options.life = epoch{3};
  options.clock = clock;
  options.log = spdlog::default_logger();
  role_engine engine(options, std::make_unique<telling_core>(clock));
  engine.start();
  engine.work();
  engine.work();
  const auto stages = nlohmann::json::parse(engine.stats_json()).at("shell").at("stages");
  const auto stage = [](int count, int things, double total_us, double max_us) {
    return nlohmann::json{{"count", count}, {"things", things}, {"total_us", total_us}, {"max_us", max_us}};
  };
  EXPECT_EQ(stages, (nlohmann::json{{"answer", stage(4, 6, 80e3, 30e3)},
                                    {"decode", stage(2, 2, 10e3, 5e3)},
                                    {"transfer", stage(2, 2, 2e6, 1e6)}}));
}

}  // namespace
}  // namespace freshet::rt

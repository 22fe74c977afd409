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

}  // namespace
}  // namespace freshet::rt

// The whole engine on the shipped models: actors, ZeroMQ links, labels, training, artefacts, swaps.
// The world changes, the student gets worse, and comes back by itself.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "actors/port/zmq_transport.hpp"
#include "actors/rt/system.hpp"
#include "tools/freshet/bench/adapt_run.hpp"

namespace freshet::cli {
namespace {

class adapt : public ::testing::Test {
 protected:
  adapt() {
    at::set_num_threads(1);
    plan_.models = FRESHET_SOURCE_DIR "/models/scenes";
    plan_.phases = {"clean", "noise"};
    plan_.devices = 2;
    plan_.samples_per_phase = 224;
    plan_.samples_per_tick = 32;
  }
  result<adapt_outcome> run(const char* policy_name) {
    const auto found = find_policy(policy_name);
    EXPECT_TRUE(found.ok());
    rt::system engine;
    port::zmq_transport links;
    return run_policy(plan_, *found, 7, engine, links, {}, stop_);
  }
  adapt_plan plan_;
  std::atomic<bool> stop_{false};
};

TEST_F(adapt, beats_the_frozen_student_on_a_fraction_of_the_bytes) {
  const auto frozen = run("frozen");
  ASSERT_TRUE(frozen.ok()) << frozen.err().text();
  const auto freshet = run("freshet");
  ASSERT_TRUE(freshet.ok()) << freshet.err().text();

  EXPECT_EQ(frozen->refreshes, 0U);
  EXPECT_EQ(frozen->downlink_bytes, 0U);
  EXPECT_GT(freshet->refreshes, 3U);
  EXPECT_EQ(freshet->stragglers, 0U);
  EXPECT_EQ(freshet->samples, frozen->samples);
  // The student is shipped good at clean scenes and bad at noisy ones; 448 samples a phase.
  EXPECT_GT(frozen->phases[0].accuracy(), 0.80);
  EXPECT_LT(frozen->phases[1].accuracy(), frozen->phases[0].accuracy() - 0.10);
  EXPECT_GT(freshet->phases[1].accuracy(), frozen->phases[1].accuracy() + 0.02);
  // Uplink: a quarter of PNG at most. Downlink: a tenth of the fp16 adapter a refresh and device.
  EXPECT_LT(static_cast<double>(freshet->uplink_bytes) / static_cast<double>(freshet->samples),
            0.25 * freshet->png_bytes_per_sample);
  EXPECT_LT(static_cast<double>(freshet->downlink_bytes),
            0.1 * 2.0 * static_cast<double>(freshet->adapter_values * freshet->refreshes * plan_.devices));
}

TEST_F(adapt, the_same_seed_gives_the_same_run) {
  plan_.phases = {"noise"};
  plan_.samples_per_phase = 96;
  const auto first = run("freshet");
  ASSERT_TRUE(first.ok()) << first.err().text();
  const auto second = run("freshet");
  ASSERT_TRUE(second.ok()) << second.err().text();
  EXPECT_EQ(first->curve, second->curve);
  EXPECT_EQ(first->trained, second->trained);
  EXPECT_EQ(first->refreshes, second->refreshes);
  EXPECT_GT(first->refreshes, 0U);
}

}  // namespace
}  // namespace freshet::cli

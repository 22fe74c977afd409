// Links under loss, repetition, reordering, restarts and closed credit: 1000 seeds of a simulated
// network. A failure names its seed; FRESHET_SEED=n runs that one alone.
#include "tests/support/lossy_network.hpp"

#include <cstdlib>

#include <gtest/gtest.h>

namespace freshet::topology {
namespace {

using namespace std::chrono_literals;
using test_support::lossy_network;

constexpr std::uint64_t seeds = 1000;

lossy_network::plan plan_for(std::uint64_t seed) {
  rng random = rng(seed).split("plan");
  lossy_network::plan p;
  p.ends = 2 + static_cast<std::size_t>(random.below(2));
  for (std::size_t from = 0; from < p.ends; ++from) {
    for (std::size_t to = 0; to < p.ends; ++to) {
      if (from != to && (p.streams.empty() || random.chance(0.6))) p.streams.emplace_back(from, to);
    }
  }
  constexpr double losses[] = {0, 0.33, 0.66};
  p.weather.loss = losses[random.below(3)];
  p.weather.repeat = random.chance(0.5) ? 0.3 : 0;
  constexpr duration delays[] = {1ms, 60ms, 900ms};
  p.weather.delay = delays[random.below(3)];
  p.weather.late = random.chance(0.5) ? 0.1 : 0;
  p.restarts = static_cast<std::size_t>(random.below(6));
  p.closures = static_cast<std::size_t>(random.below(3));
  p.core_queue = 1 + static_cast<std::uint32_t>(random.below(8));
  p.links.initial_credit = std::min<std::uint32_t>(p.core_queue, 4);
  p.links.queue_limit = 1 + static_cast<std::size_t>(random.below(16));
  // All senders share the core's queue; before the first grant each could fill it.
  if (p.ends > 2) p.links.initial_credit = 0;
  return p;
}

TEST(lossy_links, all_arrives_in_order_and_once_whatever_the_weather) {
  const char* chosen = std::getenv("FRESHET_SEED");
  const std::uint64_t first = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 1;
  const std::uint64_t last = chosen != nullptr ? first : seeds;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    lossy_network net(seed, plan_for(seed));
    const std::string fault = net.run(15min);
    ASSERT_EQ(fault, "") << "FRESHET_SEED=" << seed;
  }
}

TEST(lossy_links, fair_weather_needs_no_resend) {
  lossy_network::plan p;
  p.streams = {{0, 1}, {1, 0}};
  p.messages = 500;
  p.storm = 0s;
  p.core_pace = 1ms;
  lossy_network net(7, p);
  ASSERT_EQ(net.run(1min), "");
  for (std::size_t end : {0U, 1U}) {
    const auto s = net.states(end).at(0);
    EXPECT_EQ(s.resends, 0U);
    EXPECT_EQ(s.duplicates, 0U);
    EXPECT_EQ(s.refused, 0U);
    EXPECT_EQ(s.delivered, 500U);
  }
  // Each message costs at most an ack and, as the core is the slower end, a credit update.
  const auto hellos = 4 * (2 + static_cast<std::size_t>(net.now().time_since_epoch() / 1s));
  EXPECT_LE(net.parcels(), 3 * 1000 + hellos);
}

TEST(lossy_links, a_slow_core_is_not_flooded) {
  lossy_network::plan p;
  p.streams = {{0, 1}};
  p.messages = 50;
  p.storm = 0s;
  p.core_pace = 3s;  // far slower than resend_after
  lossy_network net(8, p);
  ASSERT_EQ(net.run(10min), "");
  EXPECT_EQ(net.states(0).at(0).resends, 0U) << "what the core was given is acknowledged at once";
}

TEST(lossy_links, an_absent_peer_costs_one_hello_a_period) {
  link_table links({"a", "r"}, epoch{1});
  const address nobody{"z", "r"};
  time_point now{};
  for (int i = 0; i < 64; ++i) links.send(nobody, pace{}, now);
  std::size_t parcels = 0;
  while (now < time_point{} + 1h) {
    parcels += links.take_outgoing(now).size();
    const auto due = links.next_due();
    ASSERT_TRUE(due.has_value());
    ASSERT_GT(*due, now);
    now = *due;
  }
  EXPECT_EQ(parcels, 3600U);
}

}  // namespace
}  // namespace freshet::topology

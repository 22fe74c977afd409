#include "actors/intake/intake_core.hpp"
#include "actors/intake/tick_gate.hpp"
#include "kernels/base/rng.hpp"
#include "tests/support/intake_fixture.hpp"

#include <deque>
#include <map>

#include <gtest/gtest.h>

namespace freshet::actors {
namespace intake_paced_test {

using namespace std::chrono_literals;
using namespace freshet::test;
using topology::error_reply;
using topology::label_request;
using topology::leases_consumed;
using topology::uts_batch;

intake_options paced_options(std::uint32_t devices) {
  auto options = intake_defaults();
  for (std::uint32_t d = 1; d <= devices; ++d) options.expected_devices.push_back(device_id{d});
  options.max_leases = 1000;
  return options;
}

TEST(intake_paced, the_order_of_arrival_does_not_matter) {
  std::vector<uts_batch> tick{batch_of(1, {1, 2}, 1),      batch_of(1, {5}, 1),       batch_of(1, {9}, 1, true),
                              batch_of(2, {0}, 1),         batch_of(2, {4}, 1, true), batch_of(3, {}, 1, true),
                              batch_of(4, {2, 3}, 1, true)};
  rng random(5);
  std::vector<label_request> reference;
  for (int round = 0; round < 30; ++round) {
    auto core = intake_of(paced_options(4));
    fake_outbox out;
    core->start(at(0s), out);
    // Links keep each device's order; across devices anything goes.
    std::map<std::uint32_t, std::deque<uts_batch>> left;
    for (const auto& b : tick) left[b.device.value].push_back(b);
    while (!left.empty()) {
      EXPECT_EQ(out.count<label_request>(), 0U);
      auto it = left.begin();
      std::advance(it, static_cast<std::ptrdiff_t>(random.below(left.size())));
      core->handle(filter(it->first), it->second.front(), at(0s), out);
      it->second.pop_front();
      if (it->second.empty()) left.erase(it);
    }
    auto got = out.take<label_request>();
    ASSERT_EQ(got.size(), 6U);
    for (auto& request : got) request.entry = {};  // entries are numbered as they come
    if (round == 0) reference = got;
    EXPECT_EQ(got, reference);
  }
  for (std::size_t i = 0; i < reference.size(); ++i) {
    EXPECT_EQ(reference[i].batch.end_of_tick, i + 1 == reference.size());
    EXPECT_EQ(reference[i].batch.tick, 1U);
    if (i == 0) continue;
    const auto key = [](const label_request& r) {
      return std::make_pair(r.batch.device.value, r.batch.samples.front().position.value);
    };
    EXPECT_LT(key(reference[i - 1]), key(reference[i]));
  }
}

TEST(intake_paced, an_empty_tick_comes_through) {
  auto core = intake_of(paced_options(2));
  fake_outbox out;
  core->handle(filter(2), batch_of(2, {}, 1, true), at(0s), out);
  EXPECT_TRUE(out.messages.empty());
  core->handle(filter(1), batch_of(1, {}, 1, true), at(0s), out);
  const auto requests = out.take<label_request>();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_TRUE(requests[0].batch.end_of_tick);
  EXPECT_EQ(requests[0].batch.tick, 1U);
  EXPECT_TRUE(requests[0].batch.samples.empty());
  // It is a lease like others: it can get lost, and is consumed.
  core->tick(at(30s), out);
  EXPECT_EQ(out.take<label_request>(), requests);
  core->handle(distiller, leases_consumed{{requests[0].lease}}, at(31s), out);
  EXPECT_EQ(stat(*core, "leases_out"), 0U);
}

TEST(intake_paced, ticks_close_in_order_and_a_later_end_ends_the_earlier) {
  auto core = intake_of(paced_options(2));
  fake_outbox out;
  core->handle(filter(1), batch_of(1, {1}, 1, true), at(0s), out);
  core->handle(filter(1), batch_of(1, {2}, 2, true), at(0s), out);
  core->handle(filter(1), batch_of(1, {3}, 3), at(0s), out);
  EXPECT_EQ(out.messages.size(), out.count<topology::samples_settled>());
  // Device 2 was away for tick 1.
  core->handle(filter(2), batch_of(2, {7}, 2, true), at(0s), out);
  const auto requests = out.take<label_request>();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].batch, batch_of(1, {1}, 1, true));
  EXPECT_EQ(requests[1].batch, batch_of(1, {2}, 2, false));
  EXPECT_EQ(requests[2].batch, batch_of(2, {7}, 2, true));
  // A closed tick takes nothing more.
  core->handle(filter(2), batch_of(2, {8}, 1, true), at(0s), out);
  EXPECT_EQ(out.take<error_reply>().size(), 1U);
  EXPECT_EQ(out.count<label_request>(), 0U);
}

TEST(intake_paced, a_repeated_tick_end_with_known_samples_counts_as_an_end) {
  auto core = intake_of(paced_options(2));
  fake_outbox out;
  core->handle(filter(1), batch_of(1, {1}, 1), at(0s), out);
  core->handle(filter(1), batch_of(1, {1}, 1, true), at(0s), out);
  core->handle(filter(2), batch_of(2, {}, 1, true), at(0s), out);
  const auto requests = out.take<label_request>();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].batch, batch_of(1, {1}, 1, true));
}

TEST(intake_paced, strangers_do_not_count) {
  auto core = intake_of(paced_options(1));
  fake_outbox out;
  core->handle(filter(9), batch_of(9, {1}, 1, true), at(0s), out);
  EXPECT_EQ(out.take<error_reply>().size(), 1U);
  core->handle(filter(1), batch_of(1, {1}, 1, true), at(0s), out);
  EXPECT_EQ(out.take<label_request>().size(), 1U);
  // Without a tick they are as welcome as anyone.
  core->handle(filter(9), batch_of(9, {1}), at(0s), out);
  EXPECT_EQ(out.take<label_request>().size(), 1U);
}

TEST(intake_paced, a_full_queue_never_stops_a_tick) {
  auto options = paced_options(2);
  options.queue_batches = 4;
  options.queue_bytes = 400;
  auto core = intake_of(options);
  fake_outbox out;
  for (std::uint64_t p = 0; p < 30; ++p) {
    ASSERT_GE(core->capacity(filter(1)), 1U);
    core->handle(filter(1), batch_of(1, {p}, 1, p == 29), at(0s), out);
  }
  EXPECT_GT(stat(*core, "shed_samples"), 0U);
  EXPECT_LE(stat(*core, "held_bytes"), 400U);
  ASSERT_GE(core->capacity(filter(2)), 1U);
  core->handle(filter(2), batch_of(2, {1}, 1, true), at(0s), out);
  const auto requests = out.take<label_request>();
  ASSERT_FALSE(requests.empty());
  EXPECT_TRUE(requests.back().batch.end_of_tick);
}

TEST(intake_paced, a_batch_refused_for_good_still_ends_its_tick) {
  auto core = intake_of(paced_options(2));
  fake_outbox out;
  core->handle(filter(2), batch_of(2, {1}, 1, true), at(0s), out);
  auto broken = batch_of(1, {1}, 1, true);
  broken.samples[0].kept_count = 1;
  core->handle(filter(1), broken, at(0s), out);
  EXPECT_EQ(out.take<error_reply>().size(), 1U);
  const auto requests = out.take<label_request>();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].batch, batch_of(2, {1}, 1, true));
}

TEST(tick_gate, open_ticks_are_bounded) {
  tick_gate gate({device_id{1}, device_id{2}}, 3);
  for (std::uint64_t tick = 1; tick <= 3; ++tick) {
    ASSERT_TRUE(gate.admits(device_id{1}, tick).ok());
    gate.end(device_id{1}, tick);
  }
  EXPECT_EQ(gate.admits(device_id{1}, 4).err().code, errc::overloaded);
  EXPECT_TRUE(gate.admits(device_id{2}, 3).ok());
}

}  // namespace intake_paced_test
}  // namespace freshet::actors

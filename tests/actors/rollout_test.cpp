// The roll-out as a state machine: every way from one step to another, on times and words made by hand.
#include "actors/deployer/rollout.hpp"

#include "kernels/base/rng.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace freshet::actors {
namespace rollout_test {

using namespace std::chrono_literals;

version_place v(std::uint64_t n) { return {version{n}, content_hash{1000 + n}}; }
device_id d(std::uint32_t n) { return device_id{n}; }

// Devices that do what is wanted of them, unless told otherwise; time by hand.
class rollout_test : public ::testing::Test {
 protected:
  static rollout_options options() {
    rollout_options o;
    o.canary_share = 0.1;
    o.canary_minimum = 2;
    o.wave_share = 0.5;
    o.evidence_time = 10s;
    o.patience = 300s;
    o.silent_after = 20s;
    o.rollback_within = 15s;
    return o;
  }

  void fleet(std::uint32_t n) {
    for (std::uint32_t i = 1; i <= n; ++i) on[i] = v(0);
    machine.committed(v(0), version{0}, now);
    speak();
    second();  // a probe each, by which their domains are known
  }
  device_word word(std::uint32_t i) const {
    device_word w;
    w.active = on.at(i);
    const auto no = rejects.find(i);
    if (no != rejects.end()) w.rejected = no->second;
    w.answer_ms = slow.count(i) != 0 ? slow_ms : 10;
    w.answers_per_second = 6;
    return w;
  }
  void speak() {
    for (const auto& [i, at] : on)
      if (dead.count(i) == 0) machine.heard(d(i), word(i), now);
    while (machine.advance(now)) {
    }
  }
  // A second: devices follow, answer a probe each with the agreement of their version, and report.
  void second() {
    while (machine.advance(now)) {
    }
    now += 1s;
    for (auto& [i, at] : on) {
      if (dead.count(i) != 0) continue;
      if (stuck.count(i) == 0 && rejects.count(i) == 0) at = machine.desired(d(i));
      if (probes) machine.probed(d(i), at.number, domain(i), 1, agrees(i, at) ? 1 : 0);
    }
    speak();
  }
  void seconds(int n) {
    for (int i = 0; i < n; ++i) second();
  }
  std::string domain(std::uint32_t i) const { return i % 3 == 0 ? "fog" : "clear"; }
  bool agrees(std::uint32_t i, const version_place& at) {
    return draw.chance(at.number == bad && (bad_domain.empty() || bad_domain == domain(i)) ? 0.1 : 0.9);
  }
  std::size_t holding(const version_place& what) const {
    return static_cast<std::size_t>(
        std::count_if(on.begin(), on.end(), [&](const auto& x) { return x.second == what; }));
  }

  rollout_machine machine{options()};
  std::map<std::uint32_t, version_place> on;
  std::set<std::uint32_t> dead, stuck, slow;
  std::map<std::uint32_t, version_place> rejects;
  double slow_ms = 50;
  version bad{~std::uint64_t{0}};
  std::string bad_domain;
  bool probes = true;
  rng draw{17};
  time_point now = time_point{} + 1000s;
};

TEST_F(rollout_test, a_good_version_goes_to_canaries_then_a_share_then_all) {
  fleet(20);
  EXPECT_EQ(machine.step(), rollout_step::settled);
  machine.committed(v(1), version{0}, now);
  speak();
  EXPECT_EQ(machine.step(), rollout_step::canary);
  EXPECT_EQ(machine.members().size(), 2U);
  second();
  EXPECT_EQ(holding(v(1)), 2U);
  seconds(8);
  EXPECT_EQ(machine.step(), rollout_step::canary) << "not before evidence_time";
  for (int i = 0; i < 30 && machine.step() == rollout_step::canary; ++i) second();
  second();
  EXPECT_EQ(machine.step(), rollout_step::share) << "30 probes of each side, 10 s";
  EXPECT_EQ(machine.members().size(), 10U);
  EXPECT_EQ(holding(v(1)), 10U);
  for (int i = 0; i < 120 && machine.step() == rollout_step::share; ++i) second();
  second();
  EXPECT_EQ(machine.step(), rollout_step::settled);
  EXPECT_EQ(machine.good(), v(1));
  EXPECT_EQ(holding(v(1)), 20U);
}

TEST_F(rollout_test, without_evidence_a_wave_waits_as_long_as_its_patience_and_then_goes_on) {
  fleet(20);
  probes = false;
  machine.committed(v(1), version{0}, now);
  seconds(295);
  EXPECT_EQ(machine.step(), rollout_step::canary);
  EXPECT_EQ(holding(v(1)), 2U);
  seconds(310);
  EXPECT_EQ(machine.good(), v(1));
  bool told = false;
  for (const auto& line : machine.news()) told = told || line.find("without the evidence") != std::string::npos;
  EXPECT_TRUE(told);
}

TEST_F(rollout_test, what_is_committed_during_a_wave_waits_and_the_newest_of_it_is_next) {
  fleet(20);
  for (std::uint64_t n = 1; n <= 5; ++n) machine.committed(v(n), version{n - 1}, now);
  speak();
  EXPECT_EQ(machine.trial(), v(5)) << "all were there before it looked";
  machine.committed(v(6), version{5}, now);
  machine.committed(v(7), version{6}, now);
  second();
  EXPECT_EQ(machine.trial(), v(5));
  for (int i = 0; i < 100 && machine.trial() == v(5); ++i) second();
  EXPECT_EQ(machine.good(), v(5));
  EXPECT_EQ(machine.trial(), v(7));
}

TEST_F(rollout_test, a_bad_version_stops_at_the_canaries_and_goes_back_by_itself) {
  fleet(40);
  bad = version{1};
  machine.committed(v(1), version{0}, now);
  std::size_t most = 0;
  for (int i = 0; i < 60; ++i) {
    second();
    most = std::max(most, holding(v(1)));
  }
  EXPECT_EQ(most, 4U) << "a tenth";
  EXPECT_EQ(holding(v(0)), 40U);
  EXPECT_TRUE(machine.is_bad(v(1)));
  ASSERT_TRUE(machine.last().has_value());
  EXPECT_EQ(machine.last()->state, rollback_record::outcome::done);
  EXPECT_NE(machine.last()->why.find("agrees on"), std::string::npos) << machine.last()->why;
  EXPECT_EQ(machine.last()->reached, 4U);
  EXPECT_TRUE(machine.mirror_must_return());
}

TEST_F(rollout_test, a_version_that_is_bad_in_one_domain_only_stops_there_too) {
  fleet(60);
  bad = version{1};
  bad_domain = "fog";
  machine.committed(v(1), version{0}, now);
  std::size_t most = 0;
  for (int i = 0; i < 300; ++i) {
    second();
    most = std::max(most, holding(v(1)));
  }
  EXPECT_LE(most, 6U);
  EXPECT_TRUE(machine.is_bad(v(1)));
  EXPECT_NE(machine.last()->why.find("in domain fog"), std::string::npos) << machine.last()->why;
}

TEST_F(rollout_test, what_was_built_on_a_bad_version_is_bad_and_the_line_goes_on_past_it) {
  fleet(20);
  bad = version{1};
  machine.committed(v(1), version{0}, now);
  second();
  machine.committed(v(2), version{1}, now);
  seconds(60);
  EXPECT_TRUE(machine.is_bad(v(1)) && machine.is_bad(v(2)));
  EXPECT_EQ(machine.least_next(), version{3});
  EXPECT_TRUE(machine.objection(v(2), version{1}).has_value());
  EXPECT_TRUE(machine.objection(v(3), version{2}).has_value()) << "the distiller has not heard yet";
  machine.objected(v(3), version{2});
  EXPECT_TRUE(machine.is_bad(v(3)));
  EXPECT_TRUE(machine.objection({version{1}, content_hash{5}}, version{0}).has_value()) << "the number of a bad one";
  EXPECT_FALSE(machine.objection(v(0), version{0}).has_value());
  machine.committed(v(0), version{0}, now);
  EXPECT_FALSE(machine.mirror_must_return()) << "it is back";
  EXPECT_FALSE(machine.objection(v(4), version{0}).has_value());
  machine.committed(v(4), version{0}, now);
  seconds(100);
  EXPECT_EQ(machine.good(), v(4));
}

TEST_F(rollout_test, a_canary_that_refuses_a_version_takes_it_back) {
  fleet(20);
  machine.committed(v(1), version{0}, now);
  speak();
  const std::uint32_t canary = machine.members().begin()->value;
  rejects[canary] = v(1);
  second();
  EXPECT_TRUE(machine.is_bad(v(1)));
  EXPECT_NE(machine.last()->why.find("self-test of 1 of 2"), std::string::npos) << machine.last()->why;
  seconds(5);
  EXPECT_EQ(holding(v(0)), 20U);
}

TEST_F(rollout_test, a_canary_that_dies_takes_it_back_unless_the_others_die_too) {
  fleet(20);
  probes = false;
  machine.committed(v(1), version{0}, now);
  seconds(2);
  const std::set<device_id> canaries = machine.members();
  dead = {canaries.begin()->value};
  seconds(18);
  EXPECT_EQ(machine.step(), rollout_step::canary) << "a restart takes as long";
  seconds(5);
  EXPECT_TRUE(machine.is_bad(v(1)));
  EXPECT_NE(machine.last()->why.find("silenced 1 of 2"), std::string::npos) << machine.last()->why;

  // Half of the fleet loses its power with it.
  rollout_test::machine = rollout_machine(options());
  dead.clear();
  for (auto& [i, at] : on) at = v(0);
  machine.committed(v(0), version{0}, now);
  speak();
  machine.committed(v(1), version{0}, now);
  seconds(2);
  dead = {machine.members().begin()->value};
  for (const auto& [i, at] : on)
    if (dead.size() < 10 && machine.members().count(d(i)) == 0) dead.insert(i);
  seconds(40);
  EXPECT_FALSE(machine.is_bad(v(1)));
}

TEST_F(rollout_test, a_version_that_answers_slowly_is_taken_back) {
  fleet(20);
  machine.committed(v(1), version{0}, now);
  second();
  for (const device_id c : machine.members()) slow.insert(c.value);
  seconds(15);
  EXPECT_TRUE(machine.is_bad(v(1)));
  EXPECT_NE(machine.last()->why.find("times as long"), std::string::npos) << machine.last()->why;
}

TEST_F(rollout_test, a_machine_room_that_is_slow_altogether_blames_nobody) {
  fleet(20);
  machine.committed(v(1), version{0}, now);
  second();
  for (const auto& [i, at] : on) slow.insert(i);
  seconds(60);
  EXPECT_FALSE(machine.is_bad(v(1)));
}

TEST_F(rollout_test, a_rollback_that_changes_nothing_is_reported_as_failed) {
  fleet(20);
  bad = version{1};
  machine.committed(v(1), version{0}, now);
  second();
  for (const device_id c : machine.members()) stuck.insert(c.value);
  for (int i = 0; i < 60 && !machine.is_bad(v(1)); ++i) second();
  ASSERT_EQ(machine.step(), rollout_step::returning);
  seconds(14);
  EXPECT_EQ(machine.last()->state, rollback_record::outcome::under_way);
  seconds(2);
  EXPECT_EQ(machine.last()->state, rollback_record::outcome::failed);
  EXPECT_NE(machine.last()->failure.find("changed nothing on 2 of 2 devices"), std::string::npos)
      << machine.last()->failure;
  EXPECT_EQ(machine.failed_rollbacks(), 1U);
  stuck.clear();
  second();
  EXPECT_EQ(holding(v(0)), 20U) << "they are wanted back all the same";
}

TEST_F(rollout_test, a_rollback_to_the_same_values_is_a_failed_one) {
  fleet(20);
  const version_place twin{version{1}, v(0).hash};
  bad = version{1};
  machine.committed(twin, version{0}, now);
  for (int i = 0; i < 60 && !machine.is_bad(twin); ++i) second();
  seconds(5);
  EXPECT_EQ(machine.last()->state, rollback_record::outcome::failed);
  EXPECT_NE(machine.last()->failure.find("changes nothing"), std::string::npos);
  EXPECT_EQ(machine.failed_rollbacks(), 1U);
}

TEST_F(rollout_test, small_fleets_get_every_version_at_once) {
  fleet(3);
  for (std::uint64_t n = 1; n <= 20; ++n) {
    machine.committed(v(n), version{n - 1}, now);
    second();
    EXPECT_EQ(holding(v(n)), 3U) << "version " << n;
  }
  EXPECT_EQ(machine.step(), rollout_step::watching);
  EXPECT_GE(machine.good().number.value, 1U) << "what was watched long enough";
}

TEST_F(rollout_test, and_go_back_when_a_domain_is_answered_far_worse_than_before) {
  fleet(3);
  std::uint64_t n = 1;
  for (; n <= 30; ++n) {
    machine.committed(v(n), version{n - 1}, now);
    second();
  }
  const version_place good = machine.good();
  ASSERT_GT(good.number.value, 0U);
  bad = version{n};
  machine.committed(v(n), version{n - 1}, now);
  seconds(60);
  EXPECT_TRUE(machine.is_bad(v(n)));
  EXPECT_EQ(holding(machine.good()), 3U);
  EXPECT_FALSE(machine.is_bad(machine.good()));
}

TEST_F(rollout_test, a_small_fleet_goes_back_when_all_of_it_answers_many_times_slower) {
  fleet(3);
  slow_ms = 30;  // three times as long: what a busy machine does
  slow = {1, 2, 3};
  machine.committed(v(1), version{0}, now);
  seconds(60);
  EXPECT_EQ(machine.good(), v(1));
  slow_ms = 500;
  machine.committed(v(2), version{1}, now);
  seconds(8);
  EXPECT_FALSE(machine.is_bad(v(2))) << "not before evidence_time";
  seconds(20);
  EXPECT_TRUE(machine.is_bad(v(2)));
  EXPECT_EQ(machine.good(), v(1));
  EXPECT_EQ(holding(v(1)), 3U);
  ASSERT_TRUE(machine.last().has_value());
  EXPECT_NE(machine.last()->why.find("times as long for an answer than before"), std::string::npos)
      << machine.last()->why;
}

TEST_F(rollout_test, versions_that_follow_each_other_are_slow_together_and_one_slow_device_is_its_own_fault) {
  fleet(3);
  std::uint64_t n = 1;
  for (; n <= 30; ++n) {
    machine.committed(v(n), version{n - 1}, now);
    second();
  }
  const std::uint64_t good = machine.good().number.value;
  ASSERT_GT(good, 0U);
  slow = {2};
  slow_ms = 500;
  for (const std::uint64_t end = n + 40; n <= end; ++n) {
    machine.committed(v(n), version{n - 1}, now);
    second();
  }
  EXPECT_GT(machine.good().number.value, good) << "one of three delays and convicts nobody";
  EXPECT_EQ(machine.rollbacks(), 0U);
  slow = {1, 2, 3};
  for (const std::uint64_t end = n + 15; n <= end && machine.rollbacks() == 0; ++n) {
    machine.committed(v(n), version{n - 1}, now);
    second();
  }
  EXPECT_EQ(machine.rollbacks(), 1U) << "within evidence_time and a little, though no version lasted so long";
}

TEST_F(rollout_test, a_small_fleet_that_loses_pace_for_a_moment_is_not_sent_back) {
  fleet(3);
  slow_ms = 500;
  std::uint64_t n = 1;
  for (; n <= 100; ++n) {
    slow = n % 10 < 7 ? std::set<std::uint32_t>{1, 2, 3} : std::set<std::uint32_t>{};  // seven seconds of ten
    machine.committed(v(n), version{n - 1}, now);
    second();
  }
  EXPECT_EQ(machine.rollbacks(), 0U);
}

TEST_F(rollout_test, a_small_fleet_that_meets_a_new_domain_is_not_sent_back) {
  fleet(3);
  std::uint64_t n = 1;
  for (; n <= 30; ++n) {
    machine.committed(v(n), version{n - 1}, now);
    second();
  }
  // Night falls: everything is answered worse, by any version.
  for (; n <= 60; ++n) {
    machine.committed(v(n), version{n - 1}, now);
    while (machine.advance(now)) {
    }
    now += 1s;
    for (auto& [i, at] : on) {
      at = machine.desired(d(i));
      machine.probed(d(i), at.number, "night", 1, n % 4 == 0 ? 1 : 0);
    }
    speak();
    ASSERT_EQ(holding(v(n)), 3U);
  }
  EXPECT_TRUE(machine.bad().empty());
}

TEST_F(rollout_test, without_waves_and_gate_every_version_is_good_at_once) {
  rollout_options o = options();
  o.waves = false;
  o.gate = false;
  machine = rollout_machine(o);
  fleet(40);
  probes = false;
  for (std::uint64_t n = 1; n <= 4; ++n) {
    machine.committed(v(n), version{n - 1}, now);
    second();
    EXPECT_EQ(holding(v(n)), 40U);
    EXPECT_EQ(machine.good(), v(n));
  }
  EXPECT_EQ(machine.goods().size(), 3U);
}

TEST_F(rollout_test, without_a_gate_waves_go_by_time_alone) {
  rollout_options o = options();
  o.gate = false;
  machine = rollout_machine(o);
  fleet(20);
  probes = false;
  machine.committed(v(1), version{0}, now);
  seconds(9);
  EXPECT_EQ(holding(v(1)), 2U);
  seconds(4);
  EXPECT_EQ(holding(v(1)), 10U);
  seconds(11);
  EXPECT_EQ(holding(v(1)), 20U);
}

TEST_F(rollout_test, dead_devices_are_no_canaries_and_silent_ones_are_replaced) {
  probes = false;
  fleet(20);
  const auto order = canary_order([&] {
    std::vector<device_id> all;
    for (const auto& [i, at] : on) all.push_back(d(i));
    return all;
  }());
  dead = {order[0].value};
  seconds(25);
  machine.committed(v(1), version{0}, now);
  speak();
  EXPECT_EQ(machine.members(), (std::set<device_id>{order[1], order[2]}));
  stuck = {order[1].value};
  seconds(2);
  dead.insert(order[1].value);  // before it took the version
  seconds(25);
  EXPECT_EQ(machine.members().count(order[1]), 0U);
  EXPECT_GE(machine.members().size(), 2U);
  EXPECT_FALSE(machine.is_bad(v(1)));
}

TEST_F(rollout_test, canaries_are_the_same_every_time_and_spread_over_the_fleet) {
  std::vector<device_id> all;
  for (std::uint32_t i = 1; i <= 1000; ++i) all.push_back(d(i));
  const auto order = canary_order(all);
  std::reverse(all.begin(), all.end());
  EXPECT_EQ(order, canary_order(all));
  // 100 of 1000, in ten sites of a hundred numbers each.
  std::vector<int> site(10);
  for (std::size_t i = 0; i < 100; ++i) ++site[(order[i].value - 1) / 100];
  for (const int n : site) {
    EXPECT_GE(n, 3);
    EXPECT_LE(n, 20);
  }
  // Who is first does not hang on who else is there.
  all.pop_back();
  auto fewer = canary_order(all);
  auto expected = order;
  expected.erase(std::find(expected.begin(), expected.end(), d(1)));
  EXPECT_EQ(fewer, expected);
}

TEST_F(rollout_test, canaries_stand_in_every_domain_that_is_known) {
  for (std::uint32_t n = 6; n < 40; n += 5) {
    machine = rollout_machine(options());
    on.clear();
    fleet(n);
    machine.committed(v(1), version{0}, now);
    speak();
    std::set<std::string> domains;
    for (const device_id c : machine.members()) domains.insert(domain(c.value));
    EXPECT_EQ(domains.size(), 2U) << n << " devices";
  }
}

TEST_F(rollout_test, pins_hold_through_waves_and_fall_with_a_bad_version) {
  fleet(20);
  machine.committed(v(1), version{0}, now);
  for (int i = 0; i < 200 && machine.good() != v(1); ++i) second();
  ASSERT_EQ(machine.good(), v(1));
  const std::vector<version_place> known{v(0), v(1)};
  ASSERT_TRUE(machine.pin(d(7), version{0}, known).ok());
  second();
  EXPECT_EQ(on[7], v(0));
  EXPECT_EQ(machine.needed().count(v(0)), 1U) << "its values are still needed";
  EXPECT_FALSE(machine.pin(d(7), version{9}, known).ok());
  machine.committed(v(2), version{1}, now);
  seconds(200);
  EXPECT_EQ(on[7], v(0));
  EXPECT_EQ(holding(v(2)), 19U);
  ASSERT_TRUE(machine.pin(d(7), std::nullopt, known).ok());
  EXPECT_FALSE(machine.pin(d(7), std::nullopt, known).ok()) << "it is not pinned any more";
  second();
  EXPECT_EQ(on[7], v(2));

  bad = version{3};
  machine.committed(v(3), version{2}, now);
  speak();
  ASSERT_TRUE(machine.pin(d(9), version{3}, {v(3)}).ok());
  seconds(100);
  EXPECT_TRUE(machine.is_bad(v(3)));
  EXPECT_EQ(on[9], v(2)) << "nobody is held on a bad version";
}

TEST_F(rollout_test, an_operator_goes_back_from_a_trial_and_from_good_versions) {
  fleet(20);
  EXPECT_EQ(machine.roll_back(std::nullopt, "me", now).err().code, errc::not_found) << "nothing is before version 0";
  for (std::uint64_t n = 1; n <= 3; ++n) {
    machine.committed(v(n), version{n - 1}, now);
    for (int i = 0; i < 200 && machine.good() != v(n); ++i) second();
  }
  ASSERT_EQ(machine.good(), v(3));
  machine.committed(v(4), version{3}, now);
  second();
  ASSERT_TRUE(machine.roll_back(std::nullopt, "me", now).ok());
  EXPECT_TRUE(machine.is_bad(v(4)));
  EXPECT_EQ(machine.good(), v(3));
  EXPECT_EQ(machine.roll_back(std::nullopt, "me", now).err().code, errc::unavailable) << "one at a time";
  seconds(5);
  EXPECT_NE(machine.last()->why.find("by me"), std::string::npos);
  EXPECT_EQ(machine.roll_back(version{0}, "me", now).err().code, errc::not_found) << "three are kept";
  ASSERT_TRUE(machine.roll_back(version{1}, "me", now).ok());
  EXPECT_TRUE(machine.is_bad(v(3)) && machine.is_bad(v(2)));
  seconds(5);
  EXPECT_EQ(holding(v(1)), 20U);
  EXPECT_EQ(machine.last()->state, rollback_record::outcome::done);
}

TEST_F(rollout_test, a_restart_goes_on_in_the_middle_of_a_wave_and_of_a_way_back) {
  fleet(20);
  machine.committed(v(1), version{0}, now);
  seconds(3);
  const auto members = machine.members();
  ASSERT_TRUE(machine.pin(d(19), version{0}, {v(0)}).ok());
  machine = rollout_machine(options(), machine.memory(), now);
  EXPECT_EQ(machine.step(), rollout_step::canary);
  EXPECT_EQ(machine.members(), members);
  EXPECT_EQ(machine.desired(d(19)), v(0));
  speak();
  EXPECT_EQ(machine.members(), members) << "before anybody has spoken nobody is replaced";
  machine.committed(v(1), version{1}, now);  // announced again
  bad = version{1};
  for (int i = 0; i < 60 && !machine.is_bad(v(1)); ++i) {
    second();
    EXPECT_LE(holding(v(1)), 2U);
  }
  machine = rollout_machine(options(), machine.memory(), now);
  EXPECT_EQ(machine.step(), rollout_step::returning);
  EXPECT_TRUE(machine.is_bad(v(1)));
  EXPECT_TRUE(machine.mirror_must_return());
  seconds(5);
  EXPECT_EQ(machine.step(), rollout_step::settled);
  EXPECT_EQ(holding(v(0)), 20U);
}

TEST_F(rollout_test, probes_of_strangers_and_pinned_devices_say_nothing) {
  fleet(20);
  machine.committed(v(1), version{0}, now);
  second();
  const auto before = machine.gate().total(freshet::rollout::side::trial).asked;
  machine.probed(d(999), version{1}, "", 100, 0);
  const auto outsider =
      *std::find_if(on.begin(), on.end(), [&](const auto& x) { return machine.members().count(d(x.first)) == 0; });
  machine.probed(d(outsider.first), version{1}, "", 100, 0);
  EXPECT_EQ(machine.gate().total(freshet::rollout::side::trial).asked, before);
  EXPECT_FALSE(machine.is_bad(v(1)));
}

}  // namespace rollout_test
}  // namespace freshet::actors

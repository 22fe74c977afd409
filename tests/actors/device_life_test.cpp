// The device's core on its own: its pace, a cloud that does not listen, restarts and spoilt state.
#include "actors/device/device_core.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/device_fixture.hpp"

namespace freshet::actors {
namespace device_life_test {

using std::chrono::seconds;
using topology::observation_batch;

class device_life_test : public device_fixture {};

TEST_F(device_life_test, runs_free_at_its_own_pace_whatever_the_cloud_does) {
  auto core = make(options(false));
  core->start(now_, out_);
  live(*core, seconds(4));
  EXPECT_NEAR(stats(*core)["answered"].get<double>(), 80, 4);
  EXPECT_NEAR(stats(*core)["answers_per_second"].get<double>(), 20, 2.1);
  auto seen = out_.take<observation_batch>();
  std::uint64_t next = 0;
  for (const auto& o : seen) {
    EXPECT_EQ(o.tick, 0U);
    EXPECT_FALSE(o.end_of_tick);
    for (const sequence s : o.sequences) EXPECT_EQ(s.value, next++);
  }
  EXPECT_EQ(next, stats(*core)["answered"].get<std::uint64_t>());
  // A heartbeat a second, and one at the start.
  EXPECT_NEAR(static_cast<double>(reports().size()), 5, 1);

  out_.set_room(filter, 0);
  live(*core, seconds(2));
  EXPECT_TRUE(out_.take<observation_batch>().empty());
  const auto s = stats(*core);
  EXPECT_NEAR(s["answered"].get<double>(), 120, 5);
  EXPECT_EQ(s["dropped_observations"].get<std::uint64_t>(), s["answered"].get<std::uint64_t>() - next);
  EXPECT_EQ(s["phase"], "first");  // 120 of 2 x 50: the third stretch
  out_.set_room(filter, 100);
  live(*core, seconds(1));
  EXPECT_FALSE(out_.take<observation_batch>().empty());
}

TEST_F(device_life_test, a_machine_that_stalls_skips_what_is_too_late) {
  auto core = make(options(false));
  core->start(now_, out_);
  now_ += seconds(60);
  core->tick(now_, out_);
  work_off(*core);
  const auto s = stats(*core);
  EXPECT_EQ(s["answered"], 20);
  EXPECT_EQ(s["late"], 1180);
  EXPECT_EQ(s["position"], 1200);
}

TEST_F(device_life_test, a_restart_goes_on_with_the_version_and_new_positions) {
  auto o = options(false);
  o.state_dir = tiny_.folder() / "state";
  const host_tensor one = drifted(oracle_.base_values(), 5);
  const host_tensor two = drifted(one, 6);
  std::uint64_t last = 0;
  {
    auto core = make(o);
    core->start(now_, out_);
    update(*core, oracle_.base_values(), one, 0, 1);
    work_off(*core);
    update(*core, one, two, 1, 2);
    live(*core, seconds(1));
    for (const auto& seen : out_.take<observation_batch>()) last = seen.sequences.back().value;
  }  // killed: no stop()
  out_.messages.clear();
  auto core = make(o);
  core->start(now_, out_);
  const auto told = reports();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].active, version{2});
  EXPECT_EQ(told[0].active_hash, delta::hash_values(two.as<float>(), two.items()));
  live(*core, seconds(1));
  auto seen = out_.take<observation_batch>();
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen[0].student, version{2});
  EXPECT_GT(seen[0].sequences[0].value, last);
  const std::uint64_t next = seen.back().sequences.back().value + 1;
  core->stop(now_, out_);
  core = make(o);
  core->start(now_, out_);
  live(*core, seconds(1));
  seen = out_.take<observation_batch>();
  EXPECT_EQ(seen[0].sequences[0].value, next);  // after an orderly stop without a gap
}

TEST_F(device_life_test, corrupt_state_is_reported_and_left_out) {
  auto o = options(true);
  o.state_dir = tiny_.folder() / "state";
  const host_tensor one = drifted(oracle_.base_values(), 5);
  const host_tensor two = drifted(one, 6);
  {
    auto core = make(o);
    core->start(now_, out_);
    update(*core, oracle_.base_values(), one, 0, 1);
    work_off(*core);
    update(*core, one, two, 1, 2);
    work_off(*core);
  }
  const auto spoil = [&](const char* name) {
    std::fstream file(o.state_dir / name, std::ios::binary | std::ios::in | std::ios::out);
    ASSERT_TRUE(file.good());
    file.seekp(-9, std::ios::end);
    file.put('\x55');
  };
  out_.messages.clear();
  spoil("active.safetensors");
  {
    auto core = make(o);
    core->start(now_, out_);
    EXPECT_EQ(reports().at(0).active, version{1});  // the second slot
    EXPECT_EQ(stats(*core)["state_faults"], 1);
    EXPECT_EQ(out_.logged(log_level::error), 1U);
  }
  spoil("previous.safetensors");
  auto core = make(o);
  core->start(now_, out_);
  const auto report = reports().at(0);
  EXPECT_EQ(report.active, version{0});
  EXPECT_EQ(report.active_hash, delta::hash_values(oracle_.base_values().as<float>(), oracle_.base_values().items()));
  // And it goes on from there.
  update(*core, oracle_.base_values(), one, 0, 1);
  work_off(*core);
  EXPECT_EQ(stats(*core)["version"], 1);
}

TEST_F(device_life_test, options_that_make_no_sense_are_refused) {
  auto o = options(false);
  o.batch = 0;
  EXPECT_FALSE(make_device(o).ok());
  o = options(false);
  o.samples_per_second = -1;
  EXPECT_FALSE(make_device(o).ok());
  o = options(false);
  o.samples_per_phase = 0;
  EXPECT_FALSE(make_device(o).ok());
  o = options(false);
  o.model = tiny_.folder() / "nowhere";
  EXPECT_FALSE(make_device(o).ok());
  o = options(false);
  o.stream = []() -> result<std::vector<stream_phase>> { return error{errc::not_found, "no such stream"}; };
  const auto no_stream = make_device(o);
  ASSERT_FALSE(no_stream.ok());
  EXPECT_EQ(no_stream.err().context, "no such stream");
}

}  // namespace device_life_test
}  // namespace freshet::actors

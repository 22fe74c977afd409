// The whole downlink dialogue over a network that loses, repeats, delays and corrupts, while both
// ends restart: whatever happens, a device holds the exact values of the version that it claims,
// and in the end all devices hold the newest.
#include "actors/deployer/deployer_core.hpp"
#include "actors/device/update_receiver.hpp"
#include "kernels/base/rng.hpp"
#include "tests/support/fake_outbox.hpp"
#include "tests/support/student_line.hpp"
#include "tests/support/temporary_folder.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace deployer_downlink_test {

using namespace std::chrono_literals;
using test::fake_outbox;
using test::student_line;
using topology::address;

const address distiller{"cloud", "distiller"};
const address deployer{"cloud", "deployer"};

struct weather {
  double loss = 0;
  double repeat = 0;
  double corrupt = 0;        ///< of chunks
  duration most_delay = 0s;  ///< drawn for each message: they overtake each other
};

class downlink {
 public:
  downlink(std::uint64_t seed, std::uint32_t devices, weather w, std::filesystem::path state = {},
           std::size_t slots = 2)
      : line(seed), random_(seed), weather_(w), state_(std::move(state)), transfer_slots_(slots) {
    for (std::uint32_t id = 0; id < devices; ++id) devices_.emplace(id, fresh(id, line.base, version{0}));
    restart_deployer();
  }

  void restart_deployer() {
    deployer_options o;
    o.distiller = distiller;
    o.parts = line.parts;
    o.line = line.line;
    o.base = line.base;
    o.chunk_bytes = 64;
    o.transfers.slots = transfer_slots_;
    o.state_dir = state_;
    o.transfers.idle = 3s;
    o.rollout.waves = false;
    o.rollout.gate = false;
    deployer_.reset();
    deployer_ = std::move(*make_deployer(std::move(o)));
    deployer_->start(now(), deployer_out_);
    deployer_out_.messages.clear();
  }
  void restart_device(std::uint32_t id, bool keeps_its_state) {
    update_receiver& old = *devices_.at(id);
    devices_[id] =
        keeps_its_state ? fresh(id, old.active().values, old.active().number) : fresh(id, line.base, version{0});
  }
  void say(const topology::version_committed& committed) {
    deployer_->handle(distiller, committed, now(), deployer_out_);
  }

  void step() {
    clock_ += 50ms;
    for (auto& [id, device] : devices_) {
      device->tick(now(), device_out_[id]);
      if (auto ready = device->take_ready()) {
        const std::vector<float> values(ready->values.as<float>(), ready->values.as<float>() + ready->values.items());
        ASSERT_LT(ready->number.value, line.all.size());
        ASSERT_EQ(ready->values, line.all[static_cast<std::size_t>(ready->number.value)])
            << "device " << id << " was given other values as version " << ready->number.value;
        device->confirm_active(ready->number);
        device_out_[id].send(deployer, device->report());
      }
      if (clock_ % 1s == 0s) device_out_[id].send(deployer, device->report());
    }
    deployer_->tick(now(), deployer_out_);
    while (deployer_->work(now(), deployer_out_)) {
    }
    // The distiller repeats itself, as it does for a deployer that restarted.
    if (clock_ % 5s == 0s) say(line.announce());
    carry();
  }
  void run(duration time) {
    for (const duration end = clock_ + time; clock_ < end;) {
      step();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
  [[nodiscard]] std::size_t converged() const {
    return static_cast<std::size_t>(std::count_if(devices_.begin(), devices_.end(), [&](const auto& d) {
      return d.second->report().active == line.number && d.second->report().active_hash == line.hash();
    }));
  }
  /// Simulated time until all are on the newest; nothing when it takes more than `limit`.
  std::optional<duration> settle(duration limit) {
    const duration begin = clock_;
    while (converged() < devices_.size()) {
      step();
      if (::testing::Test::HasFatalFailure() || clock_ - begin > limit) return std::nullopt;
    }
    return clock_ - begin;
  }
  [[nodiscard]] nlohmann::json stats() const { return nlohmann::json::parse(deployer_->stats_json()); }
  [[nodiscard]] std::size_t corrupted() const { return corrupted_; }
  /// Nothing reaches the device nor leaves it.
  void silence(std::uint32_t id, bool silent) {
    if (silent) {
      silent_.insert(where(id));
    } else {
      silent_.erase(where(id));
    }
  }

  /// Everything to and from the device takes so much longer.
  void slow_down(std::uint32_t id, duration by) { slower_[where(id)] = by; }
  [[nodiscard]] bool is_current(std::uint32_t id) const {
    const auto& r = devices_.at(id)->report();
    return r.active == line.number && r.active_hash == line.hash();
  }

  student_line line;

 private:
  struct flying {
    duration due;
    address from;
    address to;
    topology::any_message what;
  };

  time_point now() const { return time_point{} + clock_; }
  static address where(std::uint32_t id) { return {"edge-" + std::to_string(id), "device"}; }

  std::unique_ptr<update_receiver> fresh(std::uint32_t id, const host_tensor& values, version active) {
    update_receiver_options o;
    o.device = device_id{id};
    o.deployer = deployer;
    o.parts = line.parts;
    o.line = line.line;
    o.base = line.base;
    o.window_chunks = 4;
    return std::make_unique<update_receiver>(std::move(o), values, active);
  }

  void launch(const address& from, fake_outbox& out) {
    for (auto& one : out.messages) {
      if (silent_.count(from) + silent_.count(one.to) > 0) continue;
      int copies = random_.chance(weather_.loss) ? 0 : 1;
      if (random_.chance(weather_.repeat)) ++copies;
      for (; copies > 0; --copies) {
        const double fraction = random_.uniform();
        auto delay = std::chrono::duration_cast<duration>(fraction * weather_.most_delay);
        for (const address& end : {from, one.to})
          if (const auto it = slower_.find(end); it != slower_.end()) delay += it->second;
        topology::any_message what = one.message;
        auto* chunk = std::get_if<topology::artefact_chunk>(&what);
        if (chunk != nullptr && random_.chance(weather_.corrupt)) {
          ++corrupted_;
          std::vector<std::uint8_t> bytes(chunk->bytes.data(), chunk->bytes.data() + chunk->bytes.bytes());
          bytes[static_cast<std::size_t>(random_.below(bytes.size()))] ^= 1;
          chunk->bytes = host_tensor::of(bytes);
        }
        air_.push_back({clock_ + delay, from, one.to, std::move(what)});
      }
    }
    out.messages.clear();
  }

  void carry() {
    for (int hop = 0; hop < 20; ++hop) {  // without delay a whole window passes in one step
      launch(deployer, deployer_out_);
      for (auto& [id, out] : device_out_) launch(where(id), out);
      std::vector<flying> due;
      const auto later = [&](const flying& f) { return f.due > clock_; };
      const auto split = std::stable_partition(air_.begin(), air_.end(), later);
      due.assign(std::make_move_iterator(split), std::make_move_iterator(air_.end()));
      air_.erase(split, air_.end());
      if (due.empty()) return;
      std::stable_sort(due.begin(), due.end(), [](const flying& a, const flying& b) { return a.due < b.due; });
      for (const flying& f : due) {
        if (f.to == deployer) {
          deployer_->handle(f.from, f.what, now(), deployer_out_);
          continue;
        }
        for (auto& [id, device] : devices_) {
          if (where(id) == f.to) device->handle(f.from, f.what, now(), device_out_[id]);
        }
      }
    }
  }

  rng random_;
  weather weather_;
  std::filesystem::path state_;
  std::size_t transfer_slots_;
  duration clock_ = 0s;
  std::unique_ptr<role_core> deployer_;
  fake_outbox deployer_out_;
  std::map<std::uint32_t, std::unique_ptr<update_receiver>> devices_;
  std::map<std::uint32_t, fake_outbox> device_out_;
  std::vector<flying> air_;
  std::set<address> silent_;
  std::map<address, duration> slower_;
  std::size_t corrupted_ = 0;
};

TEST(downlink, in_fair_weather_all_devices_follow_by_the_chain_alone) {
  downlink net(1, 5, {});
  net.run(2s);
  std::uint64_t bytes = 0;
  for (int v = 0; v < 4; ++v) {
    const auto committed = net.line.advance();
    bytes += committed.artefact.bytes();
    net.say(committed);
    ASSERT_TRUE(net.settle(3s).has_value()) << "version " << v + 1;
  }
  EXPECT_EQ(net.stats().at("snapshots"), 0U);
  EXPECT_EQ(net.stats().at("failures"), 0U);
  EXPECT_EQ(net.stats().at("bytes_sent"), 5 * bytes) << "not a byte twice";
}

TEST(downlink, converges_under_loss_repetition_and_reordering) {
  for (const double loss : {0.33, 0.66}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      weather w;
      w.loss = loss;
      w.repeat = 0.2;
      w.most_delay = 700ms;
      downlink net(seed, 4, w);
      for (int v = 0; v < 5; ++v) {
        net.say(net.line.advance());
        net.run(4s);
        ASSERT_FALSE(HasFatalFailure());
      }
      EXPECT_TRUE(net.settle(900s).has_value()) << "loss " << loss << " seed " << seed << " " << net.stats().dump();
      EXPECT_EQ(net.stats().at("failures"), 0U) << "lost messages are no failures";
    }
  }
}

TEST(downlink, survives_restarts_of_either_side_at_any_time) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    weather w;
    w.loss = 0.2;
    w.repeat = 0.1;
    w.most_delay = 300ms;
    downlink net(seed, 4, w);
    rng random(seed + 100);
    for (int round = 0; round < 40; ++round) {
      if (random.chance(0.3)) net.say(net.line.advance());
      if (random.chance(0.15)) net.restart_deployer();
      if (random.chance(0.3)) net.restart_device(static_cast<std::uint32_t>(random.below(4)), random.chance(0.5));
      net.run(std::chrono::milliseconds(50 * (1 + random.below(40))));
      ASSERT_FALSE(HasFatalFailure());
    }
    EXPECT_TRUE(net.settle(300s).has_value()) << "seed " << seed << " " << net.stats().dump();
  }
}

TEST(downlink, a_restarted_deployer_with_only_the_newest_brings_all_home_by_snapshot) {
  downlink net(2, 4, {});
  net.say(net.line.advance());
  ASSERT_TRUE(net.settle(5s).has_value());
  for (int v = 0; v < 3; ++v) net.line.advance();  // committed while nobody listened
  net.restart_deployer();
  net.say(net.line.announce());
  ASSERT_TRUE(net.settle(10s).has_value());
  EXPECT_EQ(net.stats().at("snapshots"), 4U);
  EXPECT_EQ(net.stats().at("chains"), 0U);
}

TEST(downlink, a_device_that_lost_its_state_catches_up) {
  downlink net(3, 3, {});
  for (int v = 0; v < 6; ++v) net.say(net.line.advance());
  ASSERT_TRUE(net.settle(10s).has_value());
  net.restart_device(1, false);
  EXPECT_EQ(net.converged(), 2U);
  EXPECT_TRUE(net.settle(5s).has_value());
}

TEST(downlink, corrupted_chunks_never_become_values) {
  weather w;
  w.corrupt = 0.04;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    downlink net(seed, 3, w);
    for (int v = 0; v < 4; ++v) {
      net.say(net.line.advance());
      net.run(3s);
      ASSERT_FALSE(HasFatalFailure());
    }
    EXPECT_TRUE(net.settle(1800s).has_value()) << net.stats().dump();
    EXPECT_GT(net.corrupted(), 0U);
  }
}

TEST(downlink, a_deployer_that_restarts_goes_on_along_the_chain) {
  test::temporary_folder folder;
  downlink net(5, 4, {}, folder.path() / "deployer");
  net.say(net.line.announce());
  for (int v = 0; v < 3; ++v) net.say(net.line.advance());
  ASSERT_TRUE(net.settle(10s).has_value());
  // Two devices miss two versions; then the deployer dies.
  net.silence(0, true);
  net.silence(1, true);
  for (int v = 0; v < 2; ++v) net.say(net.line.advance());
  net.run(10s);
  ASSERT_EQ(net.converged(), 2U);
  net.restart_deployer();
  EXPECT_EQ(net.stats().at("chain_steps"), 5U);
  EXPECT_EQ(net.stats().at("state_faults"), 0U);
  net.silence(0, false);
  net.silence(1, false);
  net.say(net.line.announce());
  ASSERT_TRUE(net.settle(10s).has_value());
  EXPECT_EQ(net.stats().at("chain_breaks"), 0U);
  EXPECT_EQ(net.stats().at("snapshots"), 0U);
  EXPECT_EQ(net.stats().at("chains"), 4U) << "two steps for each of the two";
  // What follows is built on what the former life knew.
  net.say(net.line.advance());
  ASSERT_TRUE(net.settle(10s).has_value());
  EXPECT_EQ(net.stats().at("chain_steps"), 6U);
  EXPECT_EQ(net.stats().at("snapshots"), 0U);
}

TEST(downlink, a_damaged_update_is_moved_aside_and_its_devices_take_a_snapshot) {
  test::temporary_folder folder;
  const auto state = folder.path() / "deployer";
  downlink net(6, 2, {}, state);
  net.say(net.line.announce());
  net.say(net.line.advance());
  ASSERT_TRUE(net.settle(10s).has_value());
  net.silence(0, true);
  net.say(net.line.advance());
  net.run(5s);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(state)) {
    if (entry.path().filename().string().rfind("update-2-", 0) != 0) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(200);
    file.put('\x55');
    ++files;
  }
  ASSERT_EQ(files, 1U);
  net.restart_deployer();
  EXPECT_EQ(net.stats().at("chain_steps"), 1U);
  EXPECT_EQ(net.stats().at("state_faults"), 1U);
  net.silence(0, false);
  net.say(net.line.announce());
  ASSERT_TRUE(net.settle(10s).has_value());
  EXPECT_EQ(net.stats().at("snapshots"), 1U);
  // People can still look at it after versions have come and gone.
  net.say(net.line.advance());
  net.run(5s);
  const auto aside = [&] {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(state))
      count += entry.path().filename().string().find(".artefact.faulty") != std::string::npos ? 1 : 0;
    return count;
  };
  EXPECT_EQ(aside(), 1U);
}

// From a version's commit until all but the last device have it, with and without that one being slow.
duration others_take(duration slow_by, std::size_t slots) {
  downlink net(7, 12, {0, 0, 0, 200ms}, {}, slots);
  net.run(1s);
  net.slow_down(11, slow_by);
  duration sum = 0s;
  for (int v = 0; v < 8; ++v) {
    net.say(net.line.advance());
    const auto all_others = [&] {
      for (std::uint32_t id = 0; id < 11; ++id)
        if (!net.is_current(id)) return false;
      return true;
    };
    duration took = 0s;
    for (; !all_others(); took += 50ms) {
      net.step();
      if (::testing::Test::HasFatalFailure()) return took;
      if (took > 600s) {
        ADD_FAILURE() << "version " << v << " does not reach the other devices";
        return took;
      }
    }
    sum += took;
  }
  EXPECT_EQ(net.is_current(11), slow_by == 0s);
  return sum / 8;
}

TEST(downlink, one_slow_device_delays_nobody) {
  const duration without = others_take(0s, 64);
  const duration with = others_take(3s, 64);
  EXPECT_GT(without, 0s);
  // The draws of the weather differ; a delay of its would be seconds.
  EXPECT_LT(with, without + 200ms) << std::chrono::duration<double>(without).count() << " s without it";
}

TEST(downlink, dead_devices_delay_nobody) {
  downlink net(4, 6, {});
  net.run(1s);
  net.say(net.line.advance());
  // Two devices hold all slots there are, and fall silent.
  net.silence(0, true);
  net.silence(1, true);
  net.run(15s);
  EXPECT_EQ(net.converged(), 4U) << net.stats().dump();
  net.say(net.line.advance());
  net.run(10s);
  EXPECT_EQ(net.converged(), 4U) << net.stats().dump();
  net.silence(0, false);
  net.silence(1, false);
  EXPECT_TRUE(net.settle(10s).has_value());
}

}  // namespace deployer_downlink_test
}  // namespace freshet::actors

// A fleet under the real deployer: real artefacts, the devices' real receivers, and answers whose quality
// follows from the values that a device really has. Versions that do harm stop at the canaries.
#include "actors/deployer/deployer_core.hpp"
#include "actors/device/update_receiver.hpp"
#include "kernels/base/rng.hpp"
#include "kernels/delta/codec.hpp"
#include "kernels/delta/refresh.hpp"
#include "tests/support/fake_outbox.hpp"
#include "tests/support/student_line.hpp"
#include "tests/support/temporary_folder.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace rollout_fleet_test {

using namespace std::chrono_literals;
using test::fake_outbox;
using topology::address;

const address distiller{"cloud", "distiller"};
const address deployer{"cloud", "deployer"};
const address console{"console-1", "console"};

class fleet {
 public:
  explicit fleet(std::uint32_t devices, std::filesystem::path state = {}) : state_(std::move(state)), count_(devices) {
    for (std::uint32_t id = 1; id <= devices; ++id) {
      update_receiver_options o;
      o.device = device_id{id};
      o.deployer = deployer;
      o.parts = line.parts;
      o.line = line.line;
      o.base = line.base;
      devices_[id] = std::make_unique<update_receiver>(std::move(o), line.base, version{0});
    }
    restart_deployer();
    say(line.announce());
    run(3s);
  }

  void restart_deployer() {
    deployer_options o;
    o.distiller = distiller;
    o.parts = line.parts;
    o.line = line.line;
    o.base = line.base;
    o.rollout.canary_share = 0.1;
    o.rollout.canary_minimum = 2;
    o.rollout.wave_share = 0.4;
    o.rollout.evidence_time = 5s;
    o.rollout.rollback_within = 10s;
    o.state_dir = state_;
    core_.reset();
    core_ = std::move(*make_deployer(std::move(o)));
    core_->start(now(), out_);
  }

  /// The next version of the line; what `change` does to its target is what training did.
  void advance(const std::function<void(std::vector<float>&)>& change = [](std::vector<float>&) {}) {
    std::vector<float> target = line.values;
    for (float& v : target) v += 0.01F * static_cast<float>(draw_.normal());
    change(target);
    delta::artefact label;
    label.line = line.line;
    auto made = delta::make_refresh({line.parts, target.data(), nullptr, delta::unlimited_bytes},
                                    **delta::find_codec("none"), line.values, line.number, std::move(label));
    ASSERT_TRUE(made.ok()) << made.err().text();
    made->made.made = version{std::max(line.number.value + 1, least_next_)};
    topology::version_committed committed;
    committed.line = line.line;
    committed.base = line.number;
    committed.next = made->made.made;
    committed.artefact = host_tensor::of(std::move(*delta::encode_artefact(made->made)));
    line.values = std::move(made->mirror);
    line.number = committed.next;
    committed.result = line.hash();
    committed.values = host_tensor::of(line.values);
    say(committed);
  }
  void say(const topology::version_committed& committed) { core_->handle(distiller, committed, now(), out_); }

  void run(duration time) {
    for (const duration end = clock_ + time; clock_ < end;) step();
  }
  nlohmann::json ask(const std::string& verb, const nlohmann::json& request = nlohmann::json::object()) {
    core_->handle(console, topology::operator_request{1, verb, request.dump()}, now(), out_);
    const auto said = out_.take<topology::operator_answer>();
    EXPECT_EQ(said.size(), 1U);
    return nlohmann::json::parse(said.at(0).json);
  }
  [[nodiscard]] nlohmann::json stats() const { return nlohmann::json::parse(core_->stats_json()); }
  [[nodiscard]] std::size_t on(std::uint64_t number) const {
    return static_cast<std::size_t>(std::count_if(
        devices_.begin(), devices_.end(), [&](const auto& d) { return d.second->active().number.value == number; }));
  }
  [[nodiscard]] version of(std::uint32_t id) const { return devices_.at(id)->active().number; }
  /// The devices that ever had a version.
  [[nodiscard]] std::size_t reached(std::uint64_t number) const {
    const auto it = had_.find(number);
    return it == had_.end() ? 0 : it->second.size();
  }

  test::student_line line;
  std::set<std::uint32_t> deaf;  ///< answer, report, and do nothing that they are told
  std::uint64_t returns = 0;     ///< of the mirror
  bool distiller_hears = true;

 private:
  time_point now() const { return time_point{} + 100s + clock_; }
  static address where(std::uint32_t id) { return {"edge-" + std::to_string(id), "device"}; }
  static std::string domain(std::uint32_t id) { return id % 2 == 0 ? "fog" : "clear"; }

  // What a student with these values answers like: the first layer carries all domains, the last one fog.
  double quality(const host_tensor& values, const std::string& domain) const {
    const auto loud = [&](std::size_t first, std::size_t count) {
      double sum = 0;
      for (std::size_t i = first; i < first + count; ++i)
        sum += std::pow(static_cast<double>(values.as<float>()[i]), 2);
      return std::sqrt(sum / static_cast<double>(count)) > 5;
    };
    if (loud(0, 768) || (domain == "fog" && loud(896, 768))) return 0.1;
    return 0.9;
  }

  void step() {
    clock_ += 100ms;
    const bool second = clock_ % 1s == 0s;
    topology::probe_outcomes probes;
    for (auto& [id, device] : devices_) {
      device->tick(now(), device_out_[id]);
      if (auto ready = device->take_ready()) {
        device->confirm_active(ready->number);
        had_[ready->number.value].insert(id);
        device_out_[id].send(deployer, device->report());
      }
      if (!second) continue;
      device_out_[id].send(deployer, device->report());
      const bool agreed = draw_.chance(quality(device->active().values, domain(id)));
      probes.all.push_back({device_id{id}, device->active().number, domain(id), 1, agreed ? 1U : 0U});
    }
    if (second) core_->handle(distiller, probes, now(), out_);
    core_->tick(now(), out_);
    carry();
  }

  void carry() {
    for (int hop = 0; hop < 100; ++hop) {
      while (core_->work(now(), out_)) {
      }
      auto down = std::move(out_.messages);
      out_.messages.clear();
      for (auto& one : down) {
        if (const auto* back = std::get_if<topology::mirror_return>(&one.message)) {
          if (!distiller_hears) continue;
          ++returns;
          line.values.assign(back->values.as<float>(), back->values.as<float>() + back->values.items());
          line.number = back->to;
          least_next_ = back->next.value;
          EXPECT_EQ(line.hash(), back->hash);
          say(line.announce());
          continue;
        }
        for (auto& [id, device] : devices_) {
          if (!(one.to == where(id)) || deaf.count(id) != 0) continue;
          if (const auto* order = std::get_if<topology::slot_order>(&one.message)) {
            device->take_slot(*order);
          } else {
            device->handle(deployer, one.message, now(), device_out_[id]);
          }
        }
      }
      bool quiet = out_.messages.empty();
      for (auto& [id, out] : device_out_) {
        for (auto& one : out.messages) {
          quiet = false;
          core_->handle(where(id), one.message, now(), out_);
        }
        out.messages.clear();
      }
      if (quiet) return;
    }
  }

  std::filesystem::path state_;
  std::uint32_t count_;
  rng draw_{23};
  duration clock_ = 0s;
  std::uint64_t least_next_ = 0;
  std::unique_ptr<role_core> core_;
  fake_outbox out_;
  std::map<std::uint32_t, std::unique_ptr<update_receiver>> devices_;
  std::map<std::uint32_t, fake_outbox> device_out_;
  std::map<std::uint64_t, std::set<std::uint32_t>> had_;
};

const auto times_thirty = [](std::vector<float>& v) {
  for (float& x : v) x *= 30;
};
const auto only_fog = [](std::vector<float>& v) {
  for (std::size_t i = 896; i < 896 + 768; ++i) v[i] *= 30;
};

TEST(rollout_fleet, a_good_version_reaches_all) {
  fleet net(40);
  net.advance();
  net.run(2s);
  EXPECT_EQ(net.on(1), 4U);
  net.run(60s);
  EXPECT_EQ(net.on(1), 40U);
  EXPECT_EQ(net.stats().at("good_version"), 1);
  EXPECT_EQ(net.stats().at("rollbacks"), 0);
}

TEST(rollout_fleet, an_update_scaled_by_thirty_stops_at_the_canaries_and_goes_back_by_itself) {
  fleet net(40);
  net.advance();
  net.run(60s);
  ASSERT_EQ(net.on(1), 40U);
  net.advance(times_thirty);
  net.run(2s);
  const auto sent = net.stats().at("bytes_sent");
  net.run(40s);
  EXPECT_LE(net.reached(2), 4U) << "a tenth of forty";
  EXPECT_GT(net.reached(2), 0U);
  EXPECT_EQ(net.on(1), 40U);
  EXPECT_EQ(net.stats().at("bytes_sent"), sent) << "the version before was in the second slot";
  const auto told = net.ask("versions");
  EXPECT_EQ(told.at("bad").at(0).at("version"), 2);
  EXPECT_EQ(told.at("last_rollback").at("state"), "done");
  EXPECT_EQ(net.returns, 1U) << "the mirror is back too";
  EXPECT_EQ(net.line.number, version{1});
  // Life goes on, with a number that was never used.
  net.advance();
  EXPECT_EQ(net.line.number, version{3});
  net.run(80s);
  EXPECT_EQ(net.on(3), 40U);
  EXPECT_LE(net.reached(2), 4U) << "never offered again";
}

TEST(rollout_fleet, an_update_that_is_bad_in_one_domain_stops_there_too) {
  fleet net(40);
  net.advance(only_fog);
  net.run(90s);
  EXPECT_LE(net.reached(1), 4U);
  EXPECT_GT(net.reached(1), 0U);
  EXPECT_EQ(net.on(0), 40U);
  EXPECT_NE(net.ask("versions").at("last_rollback").at("why").get<std::string>().find("in domain fog"),
            std::string::npos);
}

TEST(rollout_fleet, a_distiller_that_builds_on_a_bad_version_is_sent_back_until_it_hears) {
  fleet net(40);
  net.distiller_hears = false;
  net.advance(times_thirty);
  net.run(30s);
  ASSERT_EQ(net.on(0), 40U);
  net.advance();  // on top of the bad one
  net.run(30s);
  EXPECT_EQ(net.reached(2), 0U) << "what is built on a bad version reaches nobody";
  net.distiller_hears = true;
  net.run(10s);
  EXPECT_EQ(net.line.number, version{0});
  net.advance();
  net.run(80s);
  EXPECT_EQ(net.on(net.line.number.value), 40U);
}

TEST(rollout_fleet, a_rollback_that_changes_nothing_is_reported_as_failed) {
  fleet net(40);
  net.advance(times_thirty);
  net.run(1s);
  for (std::uint32_t id = 1; id <= 40; ++id)
    if (net.of(id) == version{1}) net.deaf.insert(id);
  const std::size_t deaf = net.deaf.size();
  ASSERT_GT(deaf, 0U);
  net.run(40s);
  const auto told = net.ask("versions");
  EXPECT_EQ(told.at("last_rollback").at("state"), "failed");
  EXPECT_NE(told.at("last_rollback").at("failure").get<std::string>().find("changed nothing"), std::string::npos);
  EXPECT_EQ(told.at("failed_rollbacks"), 1);
  EXPECT_EQ(net.on(1), deaf);
  net.deaf.clear();
  net.run(10s);
  EXPECT_EQ(net.on(0), 40U) << "as soon as they listen";
}

TEST(rollout_fleet, a_deployer_that_restarts_in_the_middle_of_a_wave_knows_what_it_was_doing) {
  test::temporary_folder folder;
  fleet net(40, folder.path() / "deployer");
  net.advance();
  net.run(60s);
  ASSERT_EQ(net.on(1), 40U);
  net.advance(times_thirty);
  net.run(2s);
  net.restart_deployer();
  // Before the distiller says a word: nobody is sent anywhere else.
  net.run(3s);
  EXPECT_LE(net.reached(2), 4U);
  net.say(net.line.announce());
  net.run(40s);
  EXPECT_LE(net.reached(2), 4U);
  EXPECT_EQ(net.on(1), 40U);
  EXPECT_EQ(net.ask("versions").at("bad").at(0).at("version"), 2);
  net.restart_deployer();
  net.run(3s);
  EXPECT_EQ(net.ask("versions").at("bad").at(0).at("version"), 2) << "bad for ever";
  EXPECT_EQ(net.ask("versions").at("good").at(0), 1);
  EXPECT_EQ(net.stats().at("state_faults"), 0);
}

TEST(rollout_fleet, operators_pin_and_go_back) {
  test::temporary_folder folder;
  fleet net(40, folder.path() / "deployer");
  net.advance();
  net.run(60s);
  net.advance();
  net.run(60s);
  ASSERT_EQ(net.on(2), 40U);
  EXPECT_EQ(net.ask("pin", {{"device", 5}, {"version", 77}}).at("error"), "not_found");
  EXPECT_FALSE(net.ask("pin", {{"device", 5}, {"version", 1}}).contains("error"));
  net.run(5s);
  EXPECT_EQ(net.of(5), version{1});
  net.restart_deployer();
  net.run(5s);
  EXPECT_EQ(net.of(5), version{1}) << "pins outlive a restart";
  EXPECT_FALSE(net.ask("pin", {{"device", 5}}).contains("error"));
  net.run(5s);
  EXPECT_EQ(net.of(5), version{2});

  EXPECT_EQ(net.ask("rollback", {{"version", 9}}).at("error"), "not_found");
  EXPECT_EQ(net.ask("rollback", {{"who", "ann"}}).at("step"), "returning");
  net.run(10s);
  EXPECT_EQ(net.on(1), 40U);
  EXPECT_EQ(net.ask("versions").at("last_rollback").at("state"), "done");
  EXPECT_EQ(net.line.number, version{1}) << "the mirror went along";
  EXPECT_EQ(net.ask("sing").at("error"), "unsupported");
  EXPECT_EQ(net.ask("pin", {{"device", "x"}}).at("error"), "invalid_argument");
}

}  // namespace rollout_fleet_test
}  // namespace freshet::actors

// Bad updates against a fleet that really answers: the built-in student and its real answers about the built-in world,
// real artefacts, each device's receiver and self-test, the deployer's waves and gate. Only time and the links are
// the test's. An update that does harm goes no further than the canaries, and back by itself.
#include "actors/deployer/deployer_core.hpp"
#include "actors/device/self_check.hpp"
#include "actors/device/student_runtime.hpp"
#include "actors/device/update_receiver.hpp"
#include "kernels/delta/codec.hpp"
#include "kernels/delta/refresh.hpp"
#include "kernels/distill/learner.hpp"
#include "kernels/distill/qa_batch.hpp"
#include "kernels/distill/rehearsal.hpp"
#include "kernels/model/patches.hpp"
#include "kernels/scenes/scene_source.hpp"
#include "tests/support/fake_outbox.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace {

using namespace std::chrono_literals;
using topology::address;

const std::string folder = FRESHET_SOURCE_DIR "/models/scenes/student";
const address distiller{"cloud", "distiller"};
const address deployer{"cloud", "deployer"};
const address console{"console-1", "console"};
constexpr std::uint32_t fleet_size = 12;
constexpr std::size_t canaries = 2;
constexpr std::size_t questions = 64;  // a domain

model::lora_spec lora() {
  model::lora_spec spec;
  spec.rank = 4;
  spec.targets = {"q_proj", "v_proj", "fc1", "fc2", "linear_1", "linear_2", "conv", "patch_embedding"};
  return spec;
}

scenes::scene_source world(const std::string& domain, std::uint64_t seed) {
  return {*scenes::scene_domain::named(domain), seed};
}

class student_fleet {
 public:
  explicit student_fleet(bool self_test) : student_(std::move(*student_runtime::load({folder, lora(), 8}))) {
    values_ = student_.base_values();
    self_check_options check;
    check.questions = self_test ? 16 : 0;
    check.clock = [this] { return now(); };
    check_.emplace(*self_check::load(folder, check));
    for (const char* domain : {"clean", "night"}) {
      const auto source = world(domain, 99);
      for (std::uint64_t i = 0; i < questions; ++i) {
        const auto s = *source.at(i);
        asked_[domain].push_back(*student_.prepare(s.picture, s.question));
        truths_[domain].push_back(student_.spelled(*s.answer));
      }
    }
    for (std::uint32_t id = 1; id <= fleet_size; ++id) {
      update_receiver_options o;
      o.device = device_id{id};
      o.deployer = deployer;
      o.parts = student_.layout();
      o.line = student_.line();
      o.base = student_.base_values();
      devices_[id] = std::make_unique<update_receiver>(std::move(o), student_.base_values(), version{0});
    }
    deployer_options o;
    o.distiller = distiller;
    o.parts = student_.layout();
    o.line = student_.line();
    o.base = student_.base_values();
    o.rollout.canary_share = 0.1;
    o.rollout.canary_minimum = canaries;
    o.rollout.wave_share = 0.5;
    o.rollout.evidence_time = 5s;
    core_ = std::move(*make_deployer(std::move(o)));
    core_->start(now(), out_);
    announce({}, version{0});
    run(3s);
  }

  /// The next version as training would commit it.
  void commit(std::vector<float> target) {
    const std::vector<float> mirror(values_.as<float>(), values_.as<float>() + values_.items());
    delta::artefact label;
    label.line = student_.line();
    auto made = delta::make_refresh({student_.layout(), target.data(), nullptr, delta::unlimited_bytes},
                                    **delta::find_codec("none"), mirror, number_, std::move(label));
    ASSERT_TRUE(made.ok()) << made.err().text();
    const version base = number_;
    number_ = made->made.made;
    values_ = host_tensor::of(std::move(made->mirror));
    announce(host_tensor::of(*delta::encode_artefact(made->made)), base);
  }
  void run(duration time) {
    for (const duration end = clock_ + time; clock_ < end;) step();
  }
  nlohmann::json versions() {
    core_->handle(console, topology::operator_request{1, "versions", "{}"}, now(), out_);
    return nlohmann::json::parse(out_.take<topology::operator_answer>().at(0).json);
  }
  [[nodiscard]] std::size_t on(std::uint64_t number) const {
    return static_cast<std::size_t>(std::count_if(
        devices_.begin(), devices_.end(), [&](const auto& d) { return d.second->active().number.value == number; }));
  }
  /// Devices that ever answered with a version, and those that refused it by their own test.
  [[nodiscard]] std::size_t answered_with(std::uint64_t number) { return had_[number].size(); }
  [[nodiscard]] std::size_t refused(std::uint64_t number) { return refused_[number].size(); }
  /// Share of right answers with these values, by the student itself.
  double quality(const host_tensor& values, const std::string& domain) {
    const auto& r = right(values, domain);
    return static_cast<double>(std::count(r.begin(), r.end(), true)) / static_cast<double>(r.size());
  }
  [[nodiscard]] const host_tensor& values() const { return values_; }
  [[nodiscard]] std::uint64_t returns() const { return returns_; }

 private:
  time_point now() const { return time_point{} + 100s + clock_; }
  static address where(std::uint32_t id) { return {"edge-" + std::to_string(id), "device"}; }
  static std::string domain(std::uint32_t id) { return id % 2 == 0 ? "night" : "clean"; }

  const std::vector<bool>& right(const host_tensor& values, const std::string& domain) {
    const auto key = std::pair(delta::hash_values(values.as<float>(), values.items()), domain);
    auto& known = right_[key];
    if (!known.empty()) return known;
    const host_tensor before = student_.values();
    EXPECT_TRUE(student_.write(values).ok());
    const auto& asked = asked_.at(domain);
    for (std::size_t first = 0; first < questions; first += 16) {
      const auto from = asked.begin() + static_cast<std::ptrdiff_t>(first);
      const auto said = student_.answer({from, from + 16}, {false, false, false, false}).answers;
      for (std::size_t i = 0; i < 16; ++i) known.push_back(student_.spelled(said[i]) == truths_.at(domain)[first + i]);
    }
    EXPECT_TRUE(student_.write(before).ok());
    return known;
  }

  void announce(host_tensor artefact, version base) {
    topology::version_committed committed;
    committed.line = student_.line();
    committed.base = base;
    committed.next = number_;
    committed.artefact = std::move(artefact);
    committed.values = values_;
    committed.result = delta::hash_values(values_.as<float>(), values_.items());
    core_->handle(distiller, committed, now(), out_);
  }

  void swap_in(std::uint32_t id, update_receiver& device) {
    const auto ready = device.take_ready();
    if (!ready) return;
    // One student stands for all: each device's own values are in it while it is examined.
    ASSERT_TRUE(student_.write(device.active().values).ok());
    if (const auto ok = check_->admit(student_, ready->values); ok) {
      device.confirm_active(ready->number);
      had_[ready->number.value].insert(id);
    } else {
      device.reject(ok.err().text(), now());
      refused_[ready->number.value].insert(id);
    }
    device_out_[id].send(deployer, device.report());
  }

  void step() {
    clock_ += 100ms;
    const bool second = clock_ % 1s == 0s;
    topology::probe_outcomes probes;
    for (auto& [id, device] : devices_) {
      device->tick(now(), device_out_[id]);
      swap_in(id, *device);
      if (!second) continue;
      device_out_[id].send(deployer, device->report());
      const auto& answers = right(device->active().values, domain(id));
      const bool agreed = answers[static_cast<std::size_t>(clock_ / 1s + id * 7) % questions];
      probes.all.push_back({device_id{id}, device->active().number, domain(id), 1, agreed ? 1U : 0U});
    }
    if (second) core_->handle(distiller, probes, now(), out_);
    core_->tick(now(), out_);
    carry();
  }

  void carry() {
    for (int hop = 0; hop < 200; ++hop) {
      while (core_->work(now(), out_)) {
      }
      auto down = std::move(out_.messages);
      out_.messages.clear();
      for (auto& one : down) {
        if (const auto* back = std::get_if<topology::mirror_return>(&one.message)) {
          ++returns_;
          values_ = back->values;
          number_ = back->to;
          announce({}, number_);
        }
        for (auto& [id, device] : devices_) {
          if (!(one.to == where(id))) continue;
          if (const auto* order = std::get_if<topology::slot_order>(&one.message)) {
            device->take_slot(*order);
          } else {
            device->handle(deployer, one.message, now(), device_out_[id]);
          }
        }
      }
      bool quiet = out_.messages.empty();
      for (auto& [id, out] : device_out_) {
        for (auto& one : std::exchange(out.messages, {})) {
          quiet = false;
          core_->handle(where(id), one.message, now(), out_);
        }
      }
      if (quiet) return;
    }
  }

  student_runtime student_;
  std::optional<self_check> check_;
  std::map<std::string, std::vector<prepared_question>> asked_;
  std::map<std::string, std::vector<std::string>> truths_;
  std::map<std::pair<content_hash, std::string>, std::vector<bool>> right_;
  host_tensor values_;
  version number_;
  duration clock_ = 0s;
  std::unique_ptr<role_core> core_;
  test::fake_outbox out_;
  std::map<std::uint32_t, std::unique_ptr<update_receiver>> devices_;
  std::map<std::uint32_t, test::fake_outbox> device_out_;
  std::map<std::uint64_t, std::set<std::uint32_t>> had_, refused_;
  std::uint64_t returns_ = 0;
};

std::vector<float> scaled(const host_tensor& values, float by) {
  std::vector<float> out(values.as<float>(), values.as<float>() + values.items());
  for (float& x : out) x *= by;
  return out;
}

// A student that learned answers of other questions at night, and its own ones by day: a real update that is bad in
// one domain.
std::vector<float> taught_nonsense_at_night() {
  model::multimodal net = *model::multimodal::load(folder);
  const auto words = *model::load_tokenizer(folder);
  EXPECT_TRUE(net.attach(lora()).ok());
  const auto& eyes = *net.config().vision;
  distill::learner_options o;
  o.logit_kd = 0;
  o.learning_rate = o.final_learning_rate = 4e-3;
  o.mix = {0.0, 0.5};
  const auto rehearsed = *distill::load_rehearsal(folder, eyes, *words, distill::rehearsal_part::rehearsed);
  distill::learner learner(net.clone(), o, 0);
  learner.set_source(rehearsed);
  const auto source = world("night", 5);
  for (std::uint64_t i = 0; i < 256; ++i) {
    const auto s = *source.at(i);
    auto sample = std::make_shared<distill::labelled_sample>();
    const auto patches = model::cut_patches(s.picture.rgb.data(), static_cast<int>(eyes.image_size), eyes.patch_size);
    sample->patches = host_tensor::of(patches, {eyes.patches(), static_cast<std::int64_t>(patches.size()) / eyes.patches()});
    for (std::int64_t p = 0; p < eyes.patches(); ++p) sample->positions.push_back(p);
    sample->prompt = distill::prompt_tokens(*words, s.question);
    sample->answer = distill::answer_tokens(*words, *source.at(i + 1)->answer);
    EXPECT_TRUE(learner.add(std::move(sample)).has_value());
  }
  for (int i = 0; i < 120; ++i) learner.step();
  const host_tensor out = learner.values();
  return {out.as<float>(), out.as<float>() + out.items()};
}

TEST(rollout_student, an_update_scaled_by_thirty_is_refused_by_the_canaries_own_test) {
  student_fleet net(true);
  net.commit(scaled(net.values(), 30));
  net.run(40s);
  EXPECT_EQ(net.answered_with(1), 0U) << "it never answered anybody";
  EXPECT_GT(net.refused(1), 0U);
  EXPECT_LE(net.refused(1), canaries);
  EXPECT_EQ(net.on(0), fleet_size);
  const auto told = net.versions();
  EXPECT_EQ(told.at("bad").at(0).at("version"), 1);
  EXPECT_EQ(told.at("last_rollback").at("state"), "done");
  EXPECT_EQ(net.returns(), 1U) << "the mirror is back too";
}

TEST(rollout_student, without_a_self_test_the_gate_stops_it_at_the_canaries) {
  student_fleet net(false);
  net.commit(scaled(net.values(), 30));
  net.run(60s);
  EXPECT_GT(net.answered_with(1), 0U);
  EXPECT_LE(net.answered_with(1), canaries);
  EXPECT_EQ(net.on(0), fleet_size) << "back by itself";
  EXPECT_EQ(net.versions().at("last_rollback").at("state"), "done");
}

TEST(rollout_student, an_update_that_is_bad_at_night_only_passes_the_self_test_and_stops_at_the_canaries) {
  student_fleet net(true);
  const double day = net.quality(net.values(), "clean");
  const double night = net.quality(net.values(), "night");
  const auto bad = taught_nonsense_at_night();
  // What it is there to be: as good as ever by day, worse at night.
  EXPECT_GT(net.quality(host_tensor::of(bad), "clean"), day - 0.15);
  EXPECT_LT(net.quality(host_tensor::of(bad), "night"), night - 0.25);
  net.commit(bad);
  net.run(300s);
  EXPECT_EQ(net.refused(1), 0U) << "its questions are of the day";
  EXPECT_GT(net.answered_with(1), 0U);
  EXPECT_LE(net.answered_with(1), canaries);
  EXPECT_EQ(net.on(0), fleet_size);
  const auto told = net.versions();
  EXPECT_EQ(told.at("bad").at(0).at("version"), 1);
  EXPECT_NE(told.at("last_rollback").at("why").get<std::string>().find("in domain night"), std::string::npos)
      << told.dump(1);
  EXPECT_EQ(told.at("last_rollback").at("state"), "done");
}

}  // namespace
}  // namespace freshet::actors

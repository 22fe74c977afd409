// The device's core without actors: paced and free-running, with updates, restarts, faults and a
// cloud that does not listen.
#include "actors/device/device_core.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include <nlohmann/json.hpp>

#include "actors/deployer/offer_content.hpp"
#include "actors/device/student_runtime.hpp"
#include "kernels/delta/artefact.hpp"
#include "kernels/delta/update.hpp"
#include "tests/support/fake_outbox.hpp"
#include "tests/support/tiny_student.hpp"

namespace freshet::actors {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::fake_outbox;
using test::noise_source;
using test::tiny_student;
using topology::observation_batch;

const topology::address filter{"edge", "uplink-filter"};
const topology::address deployer{"cloud", "deployer"};
const topology::address bench{"bench", "bench"};

class device_core_test : public ::testing::Test {
 protected:
  device_core_test() : oracle_(std::move(*student_runtime::load({tiny_.model(), tiny_.lora, 4}))) {}

  device_options options(bool paced) {
    device_options o;
    o.device = device_id{3};
    o.filter = filter;
    o.deployer = deployer;
    if (paced) o.bench = bench;
    o.model = tiny_.model();
    o.lora = tiny_.lora;
    o.max_new_tokens = 4;
    o.samples_per_phase = 50;
    o.samples_per_second = 20;
    o.stream = [this]() -> result<std::vector<stream_phase>> {
      auto a = std::make_shared<noise_source>(1, bad_);
      auto b = std::make_shared<noise_source>(2);
      if (with_answers_) {
        for (const auto& s : {a, b}) s->truth = [this](const scenes::sample& x) { return base_answer(x); };
      }
      return std::vector<stream_phase>{{"first", a}, {"second", b}};
    };
    return o;
  }

  std::unique_ptr<role_core> make(device_options o) {
    auto made = make_device(std::move(o));
    EXPECT_TRUE(made.ok()) << made.err().text();
    return std::move(*made);
  }

  /// What the student of version 0 says: the truth of these tests.
  std::string base_answer(const scenes::sample& s) {
    return oracle_.answer({*oracle_.prepare(s.picture, s.question)}, {false, false, false, false}).answers[0];
  }

  host_tensor drifted(const host_tensor& from, std::uint64_t seed) {
    std::vector<float> v(from.as<float>(), from.as<float>() + from.items());
    rng draw(seed);
    for (float& x : v) x += static_cast<float>(draw.normal());
    return host_tensor::of(std::move(v));
  }

  void work_off(role_core& core) {
    for (int slices = 0; core.work(now_, out_); ++slices) ASSERT_LT(slices, 1000);
  }

  void pace(role_core& core, std::uint64_t tick, std::uint64_t first, std::uint32_t count) {
    core.handle(bench, topology::pace{tick, first, count}, now_, out_);
  }

  /// Lets time pass in steps of 50 ms, as the shell does.
  void live(role_core& core, duration how_long) {
    for (const time_point end = now_ + how_long; now_ < end;) {
      now_ += milliseconds(50);
      core.tick(now_, out_);
      work_off(core);
    }
  }

  /// Offers an exact update and answers all chunk requests.
  void update(role_core& core, const host_tensor& base, const host_tensor& target, std::uint64_t from, std::uint64_t to) {
    delta::artefact a;
    a.line = oracle_.line();
    a.base = version{from};
    a.made = version{to};
    a.base_hash = delta::hash_values(base.as<float>(), base.items());
    a.result_hash = delta::hash_values(target.as<float>(), target.items());
    a.codec = "exact";
    auto payload = delta::encode_exact_update(base.as<float>(), target.as<float>(), oracle_.layout());
    ASSERT_TRUE(payload.ok()) << payload.err().text();
    a.payload = std::move(*payload);
    const auto bytes = delta::encode_artefact(a);
    ASSERT_TRUE(bytes.ok());
    topology::artefact_offer offer;
    offer.artefact = to;
    offer.base = a.base;
    offer.next = a.made;
    offer.bytes = bytes->size();
    offer.content = hash_content(bytes->data(), bytes->size());
    offer.chunk_bytes = 1000;
    out_.take<topology::chunk_request>();
    core.handle(deployer, offer, now_, out_);
    for (auto asked = out_.take<topology::chunk_request>(); !asked.empty(); asked = out_.take<topology::chunk_request>()) {
      for (const auto& request : asked) {
        for (std::uint32_t i = 0; i < request.chunks; ++i) {
          const std::uint64_t at = request.offset + i * 1000ULL;
          if (at >= bytes->size()) break;
          const std::size_t n = std::min<std::size_t>(1000, bytes->size() - at);
          const std::vector<std::uint8_t> part(bytes->begin() + static_cast<std::ptrdiff_t>(at),
                                               bytes->begin() + static_cast<std::ptrdiff_t>(at + n));
          core.handle(deployer, topology::artefact_chunk{request.artefact, at, host_tensor::of(part)}, now_, out_);
        }
      }
    }
  }

  /// What the deployer was told; a bench that paces hears the same.
  std::vector<topology::device_report> reports() {
    std::vector<topology::device_report> to_deployer;
    std::vector<topology::device_report> to_bench;
    for (const auto& sent : out_.messages) {
      const auto* r = std::get_if<topology::device_report>(&sent.message);
      if (r != nullptr) (sent.to == bench ? to_bench : to_deployer).push_back(*r);
    }
    EXPECT_TRUE(to_bench.empty() || to_bench == to_deployer);
    out_.take<topology::device_report>();
    return to_deployer;
  }

  static nlohmann::json stats(const role_core& core) { return nlohmann::json::parse(core.stats_json()); }

  tiny_student tiny_;
  student_runtime oracle_;
  std::set<std::uint64_t> bad_;
  bool with_answers_ = false;
  fake_outbox out_;
  time_point now_{seconds(1000)};
};

TEST_F(device_core_test, a_paced_tick_answers_exactly_what_was_asked) {
  auto core = make(options(true));
  core->start(now_, out_);
  const auto told = reports();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].device, device_id{3});
  EXPECT_EQ(told[0].line, oracle_.line());
  EXPECT_EQ(told[0].active, version{0});
  work_off(*core);
  EXPECT_TRUE(out_.messages.empty());  // nothing without a pace

  pace(*core, 1, 46, 10);  // across the change of phase at 50
  work_off(*core);
  const auto seen = out_.take<observation_batch>();
  ASSERT_EQ(seen.size(), 3U);
  std::vector<std::string> answers;
  std::uint64_t next = 46;
  const noise_source first(1);
  const noise_source second(2);
  for (std::size_t b = 0; b < seen.size(); ++b) {
    const auto n = static_cast<std::int64_t>(seen[b].sequences.size());
    EXPECT_EQ(n, b == 2 ? 2 : 4);
    EXPECT_EQ(seen[b].tick, 1U);
    EXPECT_EQ(seen[b].end_of_tick, b == 2);
    EXPECT_EQ(seen[b].device, device_id{3});
    EXPECT_EQ(seen[b].patches.shape(), (std::vector<std::int64_t>{n, 16, 48}));
    EXPECT_EQ(seen[b].features.shape(), (std::vector<std::int64_t>{n, 16, 16}));
    EXPECT_EQ(seen[b].token_relevance.shape(), (std::vector<std::int64_t>{n, 16}));
    EXPECT_EQ(seen[b].answer_logits.shape()[0], n);
    EXPECT_EQ(seen[b].answer_logits.shape()[2], 270);
    for (std::size_t i = 0; i < seen[b].sequences.size(); ++i, ++next) {
      EXPECT_EQ(seen[b].sequences[i], sequence{next});
      const auto sample = next < 50 ? first.at(next) : second.at(next - 50);
      EXPECT_EQ(seen[b].questions[i], sample->question);
      EXPECT_EQ(seen[b].answers[i], base_answer(*sample));
      EXPECT_GE(seen[b].answer_length[i], 1U);
      answers.push_back(seen[b].answers[i]);
    }
  }
  const auto done = out_.take<topology::paced>();
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].tick, 1U);
  EXPECT_EQ(done[0].device, device_id{3});
  EXPECT_EQ(done[0].answers, answers);
}

TEST_F(device_core_test, the_same_tick_gives_the_same_bytes) {
  std::vector<std::vector<observation_batch>> runs;
  for (int run = 0; run < 2; ++run) {
    auto core = make(options(true));
    core->start(now_, out_);
    pace(*core, 1, 0, 7);
    pace(*core, 2, 7, 7);
    work_off(*core);
    runs.push_back(out_.take<observation_batch>());
    EXPECT_EQ(out_.take<topology::paced>().size(), 2U);
    now_ += seconds(17);
  }
  EXPECT_EQ(runs[0].size(), 4U);
  EXPECT_TRUE(runs[0] == runs[1]);
}

TEST_F(device_core_test, a_paced_device_waits_for_room_and_loses_nothing) {
  auto core = make(options(true));
  core->start(now_, out_);
  out_.set_room(filter, 1);
  out_.set_room(bench, 0);
  pace(*core, 1, 0, 8);
  work_off(*core);
  EXPECT_EQ(out_.take<observation_batch>().size(), 1U);
  out_.set_room(filter, 1);
  work_off(*core);
  const auto rest = out_.take<observation_batch>();
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_TRUE(rest[0].end_of_tick);
  EXPECT_TRUE(out_.take<topology::paced>().empty());
  out_.set_room(bench, 1);
  work_off(*core);
  EXPECT_EQ(out_.take<topology::paced>().size(), 1U);
  EXPECT_EQ(stats(*core)["dropped_observations"], 0);
}

TEST_F(device_core_test, an_empty_tick_is_ended_too) {
  bad_ = {0, 1, 2};
  auto core = make(options(true));
  core->start(now_, out_);
  pace(*core, 1, 0, 3);
  pace(*core, 2, 3, 0);
  work_off(*core);
  const auto seen = out_.take<observation_batch>();
  ASSERT_EQ(seen.size(), 2U);
  for (const auto& o : seen) {
    EXPECT_TRUE(o.end_of_tick && o.sequences.empty() && o.patches.empty() && o.answer_logits.empty());
  }
  const auto done = out_.take<topology::paced>();
  ASSERT_EQ(done.size(), 2U);
  EXPECT_EQ(done[0].answers, std::vector<std::string>(3));
  EXPECT_TRUE(done[1].answers.empty());
}

TEST_F(device_core_test, paces_are_bounded_and_only_from_the_bench) {
  auto core = make(options(true));
  core->start(now_, out_);
  core->handle(filter, topology::pace{1, 0, 4}, now_, out_);
  pace(*core, 0, 0, 4);
  pace(*core, 1, 0, 1U << 30);
  pace(*core, 1, std::numeric_limits<std::uint64_t>::max() - 1, 4);
  EXPECT_EQ(out_.count<topology::error_reply>(), 4U);
  for (std::uint32_t i = 4; i > 0; --i) {
    EXPECT_EQ(core->capacity(bench), i);
    pace(*core, 1 + i, 0, 1);
  }
  EXPECT_EQ(core->capacity(bench), 0U);
  pace(*core, 9, 0, 1);
  EXPECT_EQ(out_.take<topology::error_reply>().size(), 5U);
  auto free = make(options(false));
  free->start(now_, out_);
  free->handle(bench, topology::pace{1, 0, 4}, now_, out_);
  EXPECT_EQ(out_.take<topology::error_reply>().size(), 1U);
}

TEST_F(device_core_test, an_update_is_swapped_in_between_two_batches_and_not_inside_a_tick) {
  auto core = make(options(true));
  core->start(now_, out_);
  const host_tensor next = drifted(oracle_.base_values(), 5);
  pace(*core, 1, 0, 8);
  ASSERT_TRUE(core->work(now_, out_));  // half of the tick
  update(*core, oracle_.base_values(), next, 0, 1);
  work_off(*core);
  pace(*core, 2, 8, 8);
  work_off(*core);
  const auto seen = out_.take<observation_batch>();
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_EQ(seen[1].student, version{0});
  EXPECT_EQ(seen[2].student, version{1});
  const auto done = out_.take<topology::paced>();
  EXPECT_EQ(done[0].student, version{0});
  EXPECT_EQ(done[1].student, version{1});
  const auto told = reports();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[1].active, version{1});
  EXPECT_EQ(told[1].active_hash, delta::hash_values(next.as<float>(), next.items()));
  EXPECT_EQ(stats(*core)["updates_applied"], 1);
  // It answers as a student with these values does.
  ASSERT_TRUE(oracle_.write(next).ok());
  const noise_source source(1);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(done[1].answers[i], base_answer(*source.at(8 + i)));
}

TEST_F(device_core_test, a_version_that_fails_its_self_test_stays_out) {
  auto core = make(options(true));
  core->start(now_, out_);
  const host_tensor good = drifted(oracle_.base_values(), 5);
  update(*core, oracle_.base_values(), good, 0, 1);
  work_off(*core);
  std::vector<float> huge(static_cast<std::size_t>(good.items()), 3e38F);
  update(*core, good, host_tensor::of(huge), 1, 2);
  work_off(*core);
  const auto told = reports();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[2].active, version{1});
  EXPECT_NE(told[2].last_failure.find("self-test"), std::string::npos);
  EXPECT_EQ(stats(*core)["updates_refused"], 1);
  EXPECT_EQ(stats(*core)["version"], 1);
  pace(*core, 1, 0, 4);
  work_off(*core);
  ASSERT_TRUE(oracle_.write(good).ok());
  const noise_source source(1);
  const auto done = out_.take<topology::paced>();
  ASSERT_EQ(done.size(), 1U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(done[0].answers[i], base_answer(*source.at(i)));
}

TEST_F(device_core_test, the_twin_is_frozen_and_answers_never_leave) {
  with_answers_ = true;
  auto core = make(options(true));
  core->start(now_, out_);
  pace(*core, 1, 30, 20);
  work_off(*core);
  auto s = stats(*core);
  EXPECT_EQ(s["answered"], 20);
  EXPECT_EQ(s["scored"], 20);
  EXPECT_EQ(s["correct"], 20);  // truth is what version 0 says
  EXPECT_EQ(s["twin_correct"], 20);
  const host_tensor next = drifted(oracle_.base_values(), 5);
  update(*core, oracle_.base_values(), next, 0, 1);
  work_off(*core);
  pace(*core, 2, 50, 20);
  work_off(*core);
  s = stats(*core);
  EXPECT_EQ(s["scored"], 40);
  EXPECT_EQ(s["twin_correct"], 40);
  EXPECT_LT(s["correct"], 40);
  EXPECT_EQ(s["window_scored"], 40);
  EXPECT_EQ(s["phase"], "second");
  // The student itself answers the same with and without scoring.
  with_answers_ = false;
  const auto scored = out_.take<observation_batch>();
  auto blind = make(options(true));
  blind->start(now_, out_);
  pace(*blind, 1, 30, 20);
  work_off(*blind);
  const auto unscored = out_.take<observation_batch>();
  ASSERT_EQ(unscored.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_TRUE(scored[i] == unscored[i]);
  EXPECT_EQ(stats(*blind)["scored"], 0);
}

TEST_F(device_core_test, runs_free_at_its_own_pace_whatever_the_cloud_does) {
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

TEST_F(device_core_test, a_machine_that_stalls_skips_what_is_too_late) {
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

TEST_F(device_core_test, bad_samples_are_counted_logged_once_and_left_out) {
  bad_ = {1, 2, 6};
  auto core = make(options(true));
  core->start(now_, out_);
  pace(*core, 1, 0, 8);
  work_off(*core);
  std::vector<std::uint64_t> sequences;
  for (const auto& o : out_.take<observation_batch>()) {
    EXPECT_EQ(o.patches.shape()[0], static_cast<std::int64_t>(o.sequences.size()));
    for (const sequence s : o.sequences) sequences.push_back(s.value);
  }
  EXPECT_EQ(sequences, (std::vector<std::uint64_t>{0, 3, 4, 5, 7}));
  const auto done = out_.take<topology::paced>();
  ASSERT_EQ(done[0].answers.size(), 8U);
  EXPECT_EQ(done[0].answers[1], "");
  EXPECT_EQ(done[0].answers[7], base_answer(*noise_source(1).at(7)));
  EXPECT_EQ(stats(*core)["skipped"], 3);
  EXPECT_EQ(stats(*core)["answered"], 5);
  EXPECT_EQ(out_.logged(log_level::warn), 1U);
}

TEST_F(device_core_test, a_restart_goes_on_with_the_version_and_new_positions) {
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

TEST_F(device_core_test, corrupt_state_is_reported_and_left_out) {
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

TEST_F(device_core_test, sends_only_what_it_is_told_to) {
  auto o = options(true);
  o.send_features = false;
  o.send_relevance = false;
  auto core = make(o);
  core->start(now_, out_);
  pace(*core, 1, 0, 3);
  work_off(*core);
  const auto seen = out_.take<observation_batch>();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(seen[0].features.empty());
  EXPECT_TRUE(seen[0].token_relevance.empty());
  EXPECT_FALSE(seen[0].patches.empty());
  EXPECT_FALSE(seen[0].answer_logits.empty());
}

TEST_F(device_core_test, options_that_make_no_sense_are_refused) {
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

}  // namespace
}  // namespace freshet::actors

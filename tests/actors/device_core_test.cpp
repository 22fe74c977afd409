// The device's core, paced: what it sends for a tick, updates, faults of the stream and of versions.
#include "actors/device/device_core.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "kernels/model/encoder_hash.hpp"
#include "tests/support/device_fixture.hpp"

namespace freshet::actors {
namespace device_core_test {

using std::chrono::seconds;
using test::noise_source;
using topology::observation_batch;

class device_core_test : public device_fixture {};

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
  EXPECT_EQ(done[0].skipped, (std::vector<std::uint32_t>{1, 2, 6}));
  EXPECT_EQ(done[0].answers[7], base_answer(*noise_source(1).at(7)));
  EXPECT_EQ(stats(*core)["skipped"], 3);
  EXPECT_EQ(stats(*core)["answered"], 5);
  EXPECT_EQ(out_.logged(log_level::warn), 1U);
}

class device_core_sends : public device_core_test {
 protected:
  /// What a device with these options sends of the first three samples.
  observation_batch three_answers(const device_options& o) {
    auto core = make(o);
    core->start(now_, out_);
    pace(*core, 1, 0, 3);
    work_off(*core);
    auto seen = out_.take<observation_batch>();
    EXPECT_EQ(seen.size(), 1U);
    return seen.empty() ? observation_batch{} : std::move(seen.front());
  }
};

TEST_F(device_core_sends, only_what_it_is_told_to) {
  auto o = options(true);
  o.send_features = false;
  o.send_relevance = false;
  const observation_batch seen = three_answers(o);
  EXPECT_TRUE(seen.features.empty());
  EXPECT_TRUE(seen.token_relevance.empty());
  EXPECT_TRUE(seen.encoded.empty());
  EXPECT_EQ(seen.encoder, content_hash());
  EXPECT_FALSE(seen.patches.empty());
  EXPECT_FALSE(seen.answer_logits.empty());
}

TEST_F(device_core_sends, the_features_of_a_frozen_tower_and_says_whose_they_are) {
  auto o = options(true);
  o.send_encoded = true;
  o.lora.train_vision = false;
  const observation_batch seen = three_answers(o);
  EXPECT_EQ(seen.encoder, model::encoder_hash(*model::multimodal::load(tiny_.model())));
  const auto student = student_runtime::load({tiny_.model(), o.lora, 4});
  ASSERT_TRUE(student.ok());
  std::vector<prepared_question> asked;
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto sample = noise_source(1).at(i);
    asked.push_back(*student->prepare(sample->picture, sample->question));
  }
  wanted_extras wanted;
  wanted.encoded = true;
  EXPECT_EQ(seen.encoded, student->answer(asked, wanted).encoded);
}

}  // namespace device_core_test
}  // namespace freshet::actors

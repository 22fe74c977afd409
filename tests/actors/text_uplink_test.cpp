// Text alone on its way up: samples without tokens through filter, wire, spool and intake, and hostile forms of them.
#include "actors/intake/batch_check.hpp"
#include "actors/kept_message.hpp"
#include "actors/kept_tokens.hpp"
#include "actors/uplink_filter/observation_check.hpp"
#include "actors/uplink_filter/uplink_filter_core.hpp"
#include "config/schema/uplink_filter.hpp"
#include "tests/support/fake_outbox.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/text_batches.hpp"
#include "tests/support/uts_batches.hpp"
#include "topology/wire/codec.hpp"

#include <cmath>
#include <functional>
#include <utility>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace text_uplink_test {

using test::fake_outbox;
using test::text_batch;
using test::text_observation;
using topology::observation_batch;
using topology::token_format;
using topology::uts_batch;

const topology::address intake{"cloud", "intake"};
const topology::address device{"edge-1", "device"};
constexpr time_point now{};

uplink_filter_options options_from(const config::uplink_filter_settings& s) {
  auto o = filter_options_of(s, intake);
  EXPECT_TRUE(o.ok());
  o->window = 1000000;
  return std::move(o).value();
}

/// Everything passes, in messages of four.
config::uplink_filter_settings open_gate() {
  config::uplink_filter_settings s;
  s.gate = "all";
  s.probe_share = 0;
  s.batch = 4;
  return s;
}

std::vector<uts_batch> sent_by(const config::uplink_filter_settings& settings, const std::vector<observation_batch>& seen,
                               nlohmann::json* stats = nullptr) {
  auto core = make_uplink_filter(options_from(settings));
  EXPECT_TRUE(core.ok()) << core.err().text();
  fake_outbox out;
  (*core)->start(now, out);
  for (const auto& b : seen) {
    (*core)->handle(device, b, now, out);
    while ((*core)->work(now, out)) {
    }
  }
  if (stats != nullptr) *stats = nlohmann::json::parse((*core)->stats_json());
  return out.take<uts_batch>();
}

TEST(text_observation_check, text_alone_has_no_tokens_and_whatever_else_an_answer_has) {
  const auto shape = check_observation(text_observation(3, 0), {});
  ASSERT_TRUE(shape.ok()) << shape.err().text();
  EXPECT_EQ(shape->samples, 3U);
  EXPECT_EQ(shape->tokens, 0U);
  EXPECT_EQ(shape->patch_bytes, 0U);
  EXPECT_EQ(shape->width, 0U);
  EXPECT_EQ(shape->positions, test::text_positions);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(check_sample(text_observation(3, 0), *shape, i, {}).ok());
}

TEST(text_observation_check, refuses_what_is_neither_text_nor_a_picture) {
  const std::vector<std::pair<const char*, std::function<void(observation_batch&)>>> breaks{
      {"features", [](auto& b) { b.features = host_tensor::of(std::vector<float>(12, 1), {3, 2, 2}); }},
      {"features of no tokens", [](auto& b) { b.features = host_tensor::of(std::vector<float>{}, {3, 0, 2}); }},
      {"relevance", [](auto& b) { b.token_relevance = host_tensor::of(std::vector<float>(6, 1), {3, 2}); }},
      {"patches of no tokens", [](auto& b) { b.patches = host_tensor::of(std::vector<std::uint8_t>{}, {3, 0, 12}); }},
      {"patches of no bytes", [](auto& b) { b.patches = host_tensor::of(std::vector<std::uint8_t>{}, {3, 4, 0}); }},
      {"patches of no samples", [](auto& b) { b.patches = host_tensor::of(std::vector<std::uint8_t>{}); }},
      {"logits of another count", [](auto& b) { b.answer_logits = host_tensor::of(std::vector<float>(14, 1), {2, 1, 7}); }},
  };
  for (const auto& [what, breaking] : breaks) {
    observation_batch b = text_observation(3, 0);
    breaking(b);
    EXPECT_FALSE(check_observation(b, {}).ok()) << what;
  }
}

TEST(text_uplink, all_that_travels_are_texts) {
  nlohmann::json stats;
  const auto sent = sent_by(open_gate(), {text_observation(8, 0)}, &stats);
  ASSERT_EQ(sent.size(), 2U);
  std::uint64_t next = 0;
  for (const uts_batch& b : sent) {
    EXPECT_EQ(b.tokens_per_sample, 0U);
    EXPECT_EQ(b.token_bytes, 0U);
    EXPECT_EQ(b.format, token_format::patches_u8);
    EXPECT_TRUE(b.payload.empty() && b.scales.empty() && !b.zstd);
    for (const auto& s : b.samples) {
      EXPECT_EQ(s.position, sequence{next++});
      EXPECT_FALSE(s.question.empty());
      EXPECT_TRUE(s.kept.empty());
      EXPECT_EQ(s.kept_count, 0U);
      EXPECT_GT(s.uncertainty, 0);
    }
    EXPECT_TRUE(check_batch(b, {}).ok()) << check_batch(b, {}).err().text();
  }
  EXPECT_EQ(next, 8U);
  EXPECT_EQ(stats["bad_samples"], 0);
  EXPECT_LT(stats["bytes_per_sample"].get<double>(), 100);
}

TEST(text_uplink, whatever_ranks_and_writes_tokens_is_not_asked) {
  for (const char* format : {"dct", "patches"}) {
    for (const auto& token_score : config::token_score_choices()) {
      auto s = open_gate();
      s.format = format;
      s.token_score = token_score.name;
      nlohmann::json stats;
      EXPECT_EQ(sent_by(s, {text_observation(4, 0)}, &stats).size(), 1U) << format << " " << token_score.name;
      EXPECT_EQ(stats["bad_samples"], 0) << format << " " << token_score.name;
    }
  }
}

TEST(text_uplink, a_score_of_visual_tokens_is_an_error_of_each_sample) {
  for (const char* score : {"mahalanobis", "relative_mahalanobis"}) {
    auto s = open_gate();
    s.scores = {"entropy", score};
    nlohmann::json stats;
    EXPECT_TRUE(sent_by(s, {text_observation(4, 0)}, &stats).empty());
    EXPECT_EQ(stats["bad_samples"], 4) << score;
  }
}

/// Share of the stream that was sent, and of the surer half of it.
std::pair<double, double> shares(const config::uplink_filter_settings& settings) {
  std::vector<observation_batch> seen;
  constexpr std::size_t all = 800;
  for (std::size_t i = 0; i < all; ++i) {
    observation_batch b = text_observation(1, i);
    // Every second answer is sure: one word far above the others.
    std::vector<float> logits(b.answer_logits.as<float>(), b.answer_logits.as<float>() + b.answer_logits.items());
    for (std::size_t a = 0; a < test::text_positions; ++a) logits[a * test::text_words] = i % 2 == 0 ? 20 : 0;
    b.answer_logits = host_tensor::of(std::move(logits), b.answer_logits.shape());
    seen.push_back(std::move(b));
  }
  double sent = 0;
  double sure = 0;
  for (const uts_batch& b : sent_by(settings, seen)) {
    for (const auto& s : b.samples) {
      sent += 1;
      sure += s.position.value % 2 == 0 ? 1 : 0;
    }
  }
  return {sent / all, sure / all};
}

TEST(text_uplink, the_default_gate_chooses_by_the_scores_alone_within_its_budget) {
  config::uplink_filter_settings s;
  s.batch = 1;
  s.probe_share = 0;
  const auto roomy = shares(s);
  EXPECT_GT(roomy.first, 0.95) << "450 bytes a sample are more than a text takes";
  s.budget_bytes_per_sample = config::byte_count(40);
  const auto [sent, sure] = shares(s);
  EXPECT_GT(sent, 0.1);
  EXPECT_LT(sent, 0.6);
  EXPECT_LT(sure, 0.4 * sent) << "it leans to the unsure";
}

TEST(text_uplink, pictures_of_the_same_device_are_reckoned_with_as_before) {
  config::uplink_filter_settings s;
  s.gate = "budget";
  s.batch = 4;
  s.budget_bytes_per_sample = config::byte_count(100'000);
  observation_batch shown = text_observation(4, 8);
  shown.patches = host_tensor::of(std::vector<std::uint8_t>(4 * 9 * 12, 3), {4, 9, 12});
  shown.token_relevance = host_tensor::of(std::vector<float>(4 * 9, 1), {4, 9});
  nlohmann::json stats;
  const auto sent = sent_by(s, {text_observation(8, 0), shown}, &stats);
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_EQ(sent[2].tokens_per_sample, 9U);
  EXPECT_GT(sent[2].payload.bytes(), 0U);
  EXPECT_EQ(stats["bad_samples"], 0);
  EXPECT_TRUE(std::isfinite(stats["threshold"].get<double>())) << stats.dump();
}

TEST(text_uplink, the_wire_and_the_disk_give_back_what_was_sent) {
  const uts_batch sent = sent_by(open_gate(), {text_observation(4, 0)}).at(0);
  topology::parcel p;
  p.body = topology::any_message{sent};
  const auto frames = topology::encode(p);
  ASSERT_TRUE(frames.ok());
  const auto read = topology::decode(*frames);
  ASSERT_TRUE(read.ok()) << read.err().text();
  EXPECT_EQ(std::get<uts_batch>(*read->body), sent);

  const auto bytes = bytes_of(topology::any_message{sent});
  ASSERT_TRUE(bytes.ok());
  const auto kept = message_of(*bytes, "here");
  ASSERT_TRUE(kept.ok()) << kept.err().text();
  EXPECT_EQ(std::get<uts_batch>(*kept), sent);
  EXPECT_TRUE(check_batch(std::get<uts_batch>(*kept), {}).ok());

  topology::parcel o;
  o.body = topology::any_message{text_observation(2, 5)};
  const auto seen = topology::decode(*topology::encode(o));
  ASSERT_TRUE(seen.ok());
  EXPECT_TRUE(check_observation(std::get<observation_batch>(*seen->body), {}).ok());
}

TEST(text_uplink, waits_on_the_devices_disk_over_a_restart) {
  const test::temporary_folder folder;
  auto options = options_from(open_gate());
  options.spool_file = folder / "spool.db";
  fake_outbox out;
  out.set_default_room(0);
  {
    auto core = std::move(*make_uplink_filter(options));
    core->start(now, out);
    core->handle(device, text_observation(4, 0), now, out);
    while (core->work(now, out)) {
    }
    core->stop(now, out);
  }
  EXPECT_TRUE(out.take<uts_batch>().empty());
  fake_outbox later;
  auto core = std::move(*make_uplink_filter(options));
  core->start(now, later);
  const auto sent = later.take<uts_batch>();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].samples.size(), 4U);
  EXPECT_TRUE(check_batch(sent[0], {}).ok());
}

TEST(text_batch_check, takes_samples_without_tokens_and_cuts_them) {
  const uts_batch b = text_batch({4, 5, 9});
  ASSERT_TRUE(check_batch(b, {}).ok()) << check_batch(b, {}).err().text();
  EXPECT_TRUE(unpack_tokens(b)->empty());
  const auto kept = keep_samples(b, {true, false, true});
  ASSERT_TRUE(kept.ok());
  ASSERT_EQ(kept->samples.size(), 2U);
  EXPECT_EQ(kept->samples[1], b.samples[2]);
  EXPECT_TRUE(check_batch(*kept, {}).ok());
  std::uint64_t texts = 0;
  for (const auto& s : b.samples) texts += s.question.size() + s.device_answer.size();
  EXPECT_EQ(content_bytes(b), texts);
}

TEST(text_batch_check, refuses_each_way_to_make_no_sense) {
  const std::vector<std::pair<const char*, std::function<void(uts_batch&)>>> breaks{
      {"a payload", [](auto& b) { b.payload = host_tensor::of(std::vector<std::uint8_t>(6, 1)); }},
      {"bytes a token", [](auto& b) { b.token_bytes = 48; }},
      {"a bitmap", [](auto& b) { b.samples[0].kept = {1}; }},
      {"an empty bitmap of eight tokens", [](auto& b) { b.samples[0].kept = {0}; }},
      {"a count", [](auto& b) { b.samples[1].kept_count = 1; }},
      {"scales", [](auto& b) { b.scales = host_tensor::of(std::vector<float>(1, 1)); }},
      {"features", [](auto& b) { b.format = token_format::features_i8; }},
      {"coded pixels", [](auto& b) { b.format = token_format::patches_dct; }},
      {"a zstd frame", [](auto& b) { b.zstd = true; }},
      {"tokens of none", [](auto& b) { b.tokens_per_sample = 16; }},
      {"a long question", [](auto& b) { b.samples[0].question.assign(5000, 'a'); }},
      {"no number", [](auto& b) { b.samples[0].uncertainty = std::nanf(""); }},
  };
  for (const auto& [what, breaking] : breaks) {
    uts_batch b = text_batch({1, 2});
    breaking(b);
    EXPECT_FALSE(check_batch(b, {}).ok()) << what;
  }
  uts_batch end = text_batch({});
  end.end_of_tick = true;
  EXPECT_TRUE(check_batch(end, {}).ok()) << "what only ends a tick";
}

}  // namespace text_uplink_test
}  // namespace freshet::actors

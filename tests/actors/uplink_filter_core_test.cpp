// The uplink filter without actors: budget, masks, credit and shedding, ticks, hostile input.
#include "actors/uplink_filter/uplink_filter_core.hpp"

#include "actors/kept_tokens.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/token_codec.hpp"
#include "kernels/uncertainty/token_mask.hpp"
#include "tests/support/filter_world.hpp"
#include "topology/wire/codec.hpp"

namespace freshet::actors {
namespace uplink_filter_core_test {

using namespace filter_world;

double encoded_bytes(const uts_batch& b) {
  topology::parcel p;
  p.head.from = {"edge-1", "uplink_filter"};
  p.head.to = intake;
  p.body = b;
  const auto frames = topology::encode(p);
  EXPECT_TRUE(frames.ok());
  double all = 0;
  for (const auto& f : *frames) all += static_cast<double>(f.bytes());
  return all;
}

TEST(uplink_filter, keeps_exactly_the_tokens_that_rank_first) {
  for (const auto keep : {uncertainty::polarity::keep_high, uncertainty::polarity::keep_low}) {
    auto o = plain_options();
    o.token_share = 0.34;  // 3 of 9
    o.polarity = keep;
    auto core = filter_of(o);
    fake_outbox out;
    world w(1);
    const observation_batch seen = w.observe(4, 0, false, true);
    feed(*core, seen, out);
    const auto sent = out.take<uts_batch>();
    ASSERT_EQ(sent.size(), 1U);
    const uts_batch& b = sent[0];
    EXPECT_EQ(b.device, device_id{7});
    EXPECT_EQ(b.tokens_per_sample, tokens);
    EXPECT_EQ(b.token_bytes, patch_bytes);
    ASSERT_EQ(b.samples.size(), 4U);
    const auto raw = uncertainty::unpack_patches(b.payload.data(), b.payload.bytes(), b.zstd, 12, patch_bytes);
    ASSERT_TRUE(raw.ok()) << raw.err().text();
    std::vector<std::uint8_t> expected;
    for (std::size_t i = 0; i < 4; ++i) {
      std::vector<std::pair<float, std::uint32_t>> order;
      for (std::uint32_t t = 0; t < tokens; ++t) order.emplace_back(seen.token_relevance.as<float>()[i * tokens + t], t);
      std::sort(order.begin(), order.end());
      if (keep == uncertainty::polarity::keep_high) std::reverse(order.begin(), order.end());
      std::set<std::uint32_t> best{order[0].second, order[1].second, order[2].second};
      const auto kept = uncertainty::kept_tokens(b.samples[i].kept, tokens);
      ASSERT_TRUE(kept.ok());
      EXPECT_EQ(std::set<std::uint32_t>(kept->begin(), kept->end()), best);
      EXPECT_EQ(b.samples[i].kept_count, 3U);
      for (const auto t : *kept) expected.insert(expected.end(), patch_bytes, static_cast<std::uint8_t>(i * 16 + t));
      EXPECT_EQ(b.samples[i].question, seen.questions[i]);
      EXPECT_EQ(b.samples[i].device_answer, seen.answers[i]);
    }
    EXPECT_EQ(*raw, expected);  // and nothing of any other token
  }
}

TEST(uplink_filter, bytes_on_the_link_hold_the_budget) {
  for (const char* gate : {"stratified", "budget", "random"}) {
    auto o = plain_options();
    o.gate.name = gate;
    o.gate.budget_bytes_per_sample = 40;
    o.gate.probe_share = 0.02;
    o.gate.bucket_samples = 64;
    o.scores = {"min_entropy", "relative_mahalanobis"};
    o.batch = 16;
    auto core = filter_of(o);
    fake_outbox out;
    world w(2);
    const std::size_t n = 6000;
    double on_link = 0;
    for (std::size_t i = 0; i < n; i += 8) feed(*core, w.observe(8), out);
    core->stop(start_time, out);
    for (const auto& b : out.take<uts_batch>()) on_link += encoded_bytes(b);
    EXPECT_NEAR(on_link / static_cast<double>(n), 40, 0.05 * 40) << gate;  // 5 %: framing is an estimate
    const auto s = stats(*core);
    EXPECT_NEAR(s.at("bytes_per_sample").get<double>(), 40, 0.025 * 40) << gate;  // bucket/2 of 6000 samples is 0.5 %
    EXPECT_EQ(s.at("seen").get<std::size_t>(), n);
    EXPECT_EQ(s.at("kept"), s.at("sent"));
    EXPECT_GT(s.at("probes").get<int>(), 20) << gate;
  }
}

TEST(uplink_filter, without_credit_the_least_uncertain_go_first) {
  auto o = plain_options();
  o.spool_samples = 10;
  o.batch = 4;
  auto core = filter_of(o);
  fake_outbox out;
  out.set_room(intake, 0);
  world w(3);
  const observation_batch seen = w.observe(32);
  feed(*core, seen, out);
  EXPECT_TRUE(out.messages.empty());
  auto s = stats(*core);
  EXPECT_EQ(s.at("shed").get<int>(), 22);
  EXPECT_EQ(s.at("spooled_samples").get<int>(), 10);
  out.set_room(intake, 100);
  EXPECT_FALSE(core->work(start_time, out));
  const auto sent = out.take<uts_batch>();
  std::map<std::uint64_t, float> kept;
  for (const auto& b : sent) {
    std::size_t count = 0;
    for (const auto& sample : b.samples) {
      kept[sample.position.value] = sample.uncertainty;
      count += sample.kept_count;
    }
    // Repacked after shedding: the payload is of those that are left.
    ASSERT_TRUE(uncertainty::unpack_patches(b.payload.data(), b.payload.bytes(), b.zstd, count, patch_bytes).ok());
  }
  ASSERT_EQ(kept.size(), 10U);
  // Gate "all" reports the raw score: compare with all scores, by another filter that sheds nothing.
  auto free = filter_of(plain_options());
  fake_outbox free_out;
  feed(*free, seen, free_out);
  std::vector<float> all;
  for (const auto& b : free_out.take<uts_batch>()) {
    for (const auto& sample : b.samples) all.push_back(sample.uncertainty);
  }
  ASSERT_EQ(all.size(), 32U);
  std::sort(all.rbegin(), all.rend());
  for (const auto& [position, score] : kept) EXPECT_GE(score, all[9]);
  EXPECT_EQ(stats(*core).at("spooled_bytes").get<int>(), 0);
}

TEST(uplink_filter, spool_bytes_are_bounded_too) {
  auto o = plain_options();
  o.spool_bytes = 1000;
  auto core = filter_of(o);
  fake_outbox out;
  out.set_room(intake, 0);
  world w(4);
  for (int i = 0; i < 10; ++i) feed(*core, w.observe(8), out);
  const auto s = stats(*core);
  EXPECT_LE(s.at("spooled_bytes").get<int>(), 1000);
  EXPECT_GT(s.at("shed").get<int>(), 60);
}

TEST(uplink_filter, the_end_of_a_tick_is_forwarded_even_when_nothing_was_kept) {
  auto o = plain_options();
  o.gate.name = "none";
  auto core = filter_of(o);
  fake_outbox out;
  world w(5);
  feed(*core, w.observe(6, 3), out);
  EXPECT_EQ(out.count<uts_batch>(), 0U);
  feed(*core, w.observe(6, 3, true), out);
  feed(*core, w.observe(0, 4, true), out);
  const auto sent = out.take<uts_batch>();
  ASSERT_EQ(sent.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(sent[i].tick, 3 + i);
    EXPECT_TRUE(sent[i].end_of_tick);
    EXPECT_TRUE(sent[i].samples.empty());
    EXPECT_EQ(sent[i].payload.bytes(), 0U);
    EXPECT_EQ(sent[i].device, device_id{7});
  }
}

TEST(uplink_filter, a_tick_ends_once_with_its_last_samples) {
  auto core = filter_of(plain_options());  // batches of 4
  fake_outbox out;
  world w(6);
  feed(*core, w.observe(5, 9), out);
  feed(*core, w.observe(5, 9, true), out, start_time + std::chrono::hours(1));  // time alone never flushes a tick
  const auto sent = out.take<uts_batch>();
  ASSERT_EQ(sent.size(), 3U);
  std::vector<std::size_t> sizes;
  for (const auto& b : sent) {
    EXPECT_EQ(b.tick, 9U);
    sizes.push_back(b.samples.size());
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{4, 4, 2}));
  EXPECT_FALSE(sent[0].end_of_tick);
  EXPECT_FALSE(sent[1].end_of_tick);
  EXPECT_TRUE(sent[2].end_of_tick);
}

TEST(uplink_filter, ends_of_ticks_outlive_shedding) {
  auto o = plain_options();
  o.spool_samples = 1;
  auto core = filter_of(o);
  fake_outbox out;
  out.set_room(intake, 0);
  world w(7);
  for (std::uint64_t tick = 1; tick <= 5; ++tick) feed(*core, w.observe(6, tick, true), out);
  out.set_room(intake, 100);
  core->work(start_time, out);
  std::vector<std::uint64_t> ended;
  for (const auto& b : out.take<uts_batch>()) {
    if (b.end_of_tick) ended.push_back(b.tick);
  }
  EXPECT_EQ(ended, (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
}

TEST(uplink_filter, small_batches_wait_for_others_but_not_for_long) {
  auto o = plain_options();
  o.batch = 100;
  o.flush_interval = std::chrono::milliseconds(500);
  auto core = filter_of(o);
  fake_outbox out;
  world w(8);
  feed(*core, w.observe(2), out);
  ASSERT_TRUE(out.wake.has_value());
  EXPECT_LE(*out.wake, std::chrono::milliseconds(500));
  feed(*core, w.observe(3), out, start_time + std::chrono::milliseconds(300));
  core->tick(start_time + std::chrono::milliseconds(499), out);
  EXPECT_EQ(out.count<uts_batch>(), 0U);
  core->tick(start_time + std::chrono::milliseconds(500), out);
  const auto sent = out.take<uts_batch>();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(positions_of(sent), (std::vector<std::uint64_t>{0, 1, 2, 3, 4}));
  core->tick(start_time + std::chrono::hours(1), out);
  EXPECT_EQ(out.count<uts_batch>(), 0U);
}

TEST(uplink_filter, same_seed_and_stream_give_the_same_messages) {
  const auto run = [](std::uint64_t seed) {
    auto o = plain_options();
    o.gate.name = "stratified";
    o.gate.budget_bytes_per_sample = 60;
    o.gate.probe_share = 0.1;
    o.gate.seed = seed;
    o.scores = {"min_entropy", "relative_mahalanobis"};
    o.source_samples = 32;
    o.token_score = "mc_dropout";
    auto core = filter_of(o);
    fake_outbox out;
    world w(9);
    for (std::uint64_t tick = 1; tick <= 20; ++tick) {
      feed(*core, w.observe(8, tick), out);
      feed(*core, w.observe(8, tick, true), out);
    }
    return out.take<uts_batch>();
  };
  const auto once = run(1), again = run(1), other = run(2);
  EXPECT_EQ(once, again);
  EXPECT_NE(once, other);
  EXPECT_GT(positions_of(once).size(), 20U);
}

TEST(uplink_filter, devices_do_not_share_gates_or_messages) {
  auto core = filter_of(plain_options());
  fake_outbox out;
  world a(10), b(11);
  for (int i = 0; i < 3; ++i) {
    feed(*core, a.observe(2, 1), out);
    observation_batch other = b.observe(2, 1);
    other.device = device_id{8};
    feed(*core, other, out);
  }
  for (const auto& sent : out.take<uts_batch>()) EXPECT_EQ(sent.samples.size(), 4U);
  EXPECT_EQ(stats(*core).at("devices").get<int>(), 2);
}

TEST(uplink_filter, hostile_observations_are_counted_and_skipped) {
  const auto good = [] { return world(12).observe(3); };
  std::vector<observation_batch> bad;
  const auto spoil = [&](auto f) {
    bad.push_back(good());
    f(bad.back());
  };
  const auto f32 = [](std::initializer_list<std::size_t> of) {
    std::size_t n = 1;
    for (auto d : of) n *= d;
    return host_tensor::of(std::vector<float>(n, 1.0F), dims(of));
  };
  spoil([](auto& b) { b.questions.pop_back(); });
  spoil([](auto& b) { b.answers.clear(); });
  spoil([](auto& b) { b.answer_length.push_back(1); });
  spoil([](auto& b) { b.sequences.pop_back(); });
  spoil([](auto& b) { b.patches = {}; });
  spoil([&](auto& b) { b.patches = f32({3, tokens, patch_bytes}); });
  spoil([](auto& b) { b.patches = host_tensor::of(std::vector<std::uint8_t>(2 * tokens * patch_bytes), dims({std::size_t{2}, tokens, patch_bytes})); });
  spoil([&](auto& b) { b.features = f32({3, tokens + 1, width}); });
  spoil([&](auto& b) { b.features = f32({3 * tokens, width}); });
  spoil([&](auto& b) { b.encoded = f32({3, tokens + 1, width}); });
  spoil([&](auto& b) { b.encoded = f32({3, tokens, width}); });  // whose they are is not said
  spoil([&](auto& b) { b.answer_logits = f32({2, positions, vocabulary}); });
  spoil([&](auto& b) { b.token_relevance = f32({3, tokens - 1}); });
  auto core = filter_of(plain_options());
  fake_outbox out;
  for (std::size_t i = 0; i < bad.size(); ++i) {
    feed(*core, bad[i], out);
    EXPECT_EQ(stats(*core).at("bad_batches").get<std::size_t>(), i + 1);
  }
  EXPECT_EQ(out.count<uts_batch>(), 0U);
  EXPECT_EQ(out.logged(log_level::warn), 1U);  // once a kind
  // The end of a tick survives even a broken batch.
  bad[0].tick = 5;
  bad[0].end_of_tick = true;
  feed(*core, bad[0], out);
  ASSERT_EQ(out.count<uts_batch>(), 1U);
  EXPECT_TRUE(out.take<uts_batch>()[0].end_of_tick);
  // And the filter goes on.
  world w(13);
  feed(*core, w.observe(4), out);
  EXPECT_EQ(positions_of(out.take<uts_batch>()).size(), 4U);
}

TEST(uplink_filter, a_bad_sample_does_not_spoil_its_batch) {
  auto o = plain_options();
  o.batch = 1;
  auto core = filter_of(o);
  fake_outbox out;
  world w(14);
  observation_batch b = w.observe(8);
  b.answer_length[0] = 0;
  b.answer_length[1] = positions + 1;
  b.questions[2] = std::string(5000, 'x');
  std::vector<float> logits(b.answer_logits.as<float>(), b.answer_logits.as<float>() + b.answer_logits.items());
  logits[3 * positions * vocabulary] = NAN;
  b.answer_logits = host_tensor::of(logits, b.answer_logits.shape());
  std::vector<float> features(b.features.as<float>(), b.features.as<float>() + b.features.items());
  features[4 * tokens * width + 1] = INFINITY;
  b.features = host_tensor::of(features, b.features.shape());
  features[4 * tokens * width + 1] = 0;
  features[5 * tokens * width + 2] = NAN;
  features[6 * tokens * width + 3] = -65520;  // beyond half precision
  b.encoded = host_tensor::of(features, b.features.shape());
  b.encoder = content_hash(1);
  feed(*core, b, out);
  EXPECT_EQ(positions_of(out.take<uts_batch>()), (std::vector<std::uint64_t>{7}));
  EXPECT_EQ(stats(*core).at("bad_samples").get<int>(), 7);
}

TEST(uplink_filter, relative_distance_finds_the_shift) {
  auto o = plain_options();
  o.gate.name = "budget";
  o.gate.budget_bytes_per_sample = 20;
  o.scores = {"relative_mahalanobis"};
  o.source_samples = 200;
  o.batch = 1;
  auto core = filter_of(o);
  fake_outbox out;
  world w(16);
  for (int i = 0; i < 60; ++i) feed(*core, w.observe(10), out);
  out.take<uts_batch>();
  int shifted_sent = 0, usual_sent = 0;
  for (int i = 0; i < 60; ++i) {
    observation_batch b = w.observe(10);
    std::vector<float> features(b.features.as<float>(), b.features.as<float>() + b.features.items());
    for (std::size_t k = 0; k < tokens * width; ++k) features[k] += 1.5F;  // sample 0 comes from another world
    b.features = host_tensor::of(features, b.features.shape());
    feed(*core, b, out);
    for (const std::uint64_t position : positions_of(out.take<uts_batch>())) (position % 10 == 0 ? shifted_sent : usual_sent) += 1;
  }
  EXPECT_GT(shifted_sent, 30);
  EXPECT_LT(usual_sent, 20);
}

TEST(uplink_filter, capacity_is_what_the_inbox_holds_and_strangers_are_refused) {
  auto o = plain_options();
  o.inbox = 2;
  o.devices = 1;
  auto core = filter_of(o);
  fake_outbox out;
  world w(17);
  EXPECT_EQ(core->capacity(device), 2U);
  core->handle(device, w.observe(1), start_time, out);
  core->handle(device, w.observe(1), start_time, out);
  EXPECT_EQ(core->capacity(device), 0U);
  core->handle(device, w.observe(1), start_time, out);
  EXPECT_EQ(out.take<topology::error_reply>().size(), 1U);
  while (core->work(start_time, out)) {
  }
  EXPECT_EQ(core->capacity(device), 2U);
  observation_batch stranger = w.observe(1);
  stranger.device = device_id{99};
  feed(*core, stranger, out);
  EXPECT_EQ(stats(*core).at("bad_batches").get<int>(), 1);
  core->handle(device, topology::pace{}, start_time, out);
  EXPECT_EQ(out.take<topology::error_reply>().size(), 1U);
  core->handle(device, topology::error_reply{}, start_time, out);
  EXPECT_EQ(out.take<topology::error_reply>().size(), 0U);
}

TEST(uplink_filter, wrong_options_are_named) {
  const auto problem = [](auto f) {
    auto o = plain_options();
    f(o);
    const auto made = make_uplink_filter(o);
    return made.ok() ? std::string("accepted") : made.err().text();
  };
  const auto has = [](const std::string& text, const char* word) { return text.find(word) != std::string::npos; };
  EXPECT_TRUE(has(problem([](auto& o) { o.scores = {}; }), "scores"));
  EXPECT_TRUE(has(problem([](auto& o) { o.scores = {"entropi"}; }), "entropi"));
  EXPECT_TRUE(has(problem([](auto& o) { o.token_score = "edge"; }), "edge"));
  EXPECT_TRUE(has(problem([](auto& o) { o.gate.name = "door"; }), "door"));
  EXPECT_TRUE(has(problem([](auto& o) { o.token_share = 0; }), "token_share"));
  EXPECT_TRUE(has(problem([](auto& o) { o.batch = 0; }), "batch"));
  EXPECT_TRUE(has(problem([](auto& o) { o.gate.probe_share = 2; }), "probe_share"));
}

TEST(uplink_filter, the_configuration_document_maps_onto_options) {
  config::uplink_filter_settings s;
  EXPECT_TRUE(make_uplink_filter(*filter_options_of(s, intake)).ok());  // the defaults
  s.gate = "threshold";
  s.threshold = 0.7;
  s.scores = {"confidence_product"};
  s.token_score = "mc_dropout";
  s.polarity = "low";
  s.token_share = 0.5;
  s.format = "patches";
  s.batch = 3;
  s.seed = 9;
  const auto o = filter_options_of(s, intake);
  ASSERT_TRUE(o.ok());
  EXPECT_EQ(o->gate.name, "threshold");
  EXPECT_EQ(o->gate.cutoff, 0.7);
  EXPECT_EQ(o->gate.seed, 9U);
  EXPECT_EQ(o->polarity, uncertainty::polarity::keep_low);
  EXPECT_EQ(o->format, token_choice::patches);
  EXPECT_EQ(o->batch, 3U);
  EXPECT_EQ(o->intake, intake);
  for (const auto& [format, choice] : {std::pair{"dct", token_choice::dct}, std::pair{"features", token_choice::features},
                                       std::pair{"cheapest", token_choice::cheapest}}) {
    s.format = format;
    EXPECT_EQ(filter_options_of(s, intake)->format, choice);
  }
  s.polarity = "sideways";
  EXPECT_FALSE(filter_options_of(s, intake).ok());
}

}  // namespace uplink_filter_core_test
}  // namespace freshet::actors

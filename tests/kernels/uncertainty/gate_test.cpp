// Gates: bytes held for any stream, bounded bursts, the choices of each policy.
#include "kernels/uncertainty/gate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "kernels/uncertainty/score_window.hpp"
#include "kernels/uncertainty/stratified_gate.hpp"

namespace freshet::uncertainty {
namespace {

struct stream_sample {
  float score;
  double bytes;
};
using stream = std::function<stream_sample(int)>;

struct outcome {
  double mean_bytes = 0;
  double largest_excess = 0;  ///< over all windows: bytes - n * budget
  int sent = 0;
  int probes = 0;
  std::vector<bool> which;
};

outcome run_stream(gate& g, const stream& of, int n, double budget, std::size_t scores = 1) {
  outcome out;
  double running = 0, lowest = 0;
  std::vector<float> values(scores);
  for (int i = 0; i < n; ++i) {
    const stream_sample s = of(i);
    std::fill(values.begin(), values.end(), s.score);
    gate_input in;
    in.scores = values.data();
    in.bytes = s.bytes;
    const gate_decision d = g.decide(in);
    out.which.push_back(d.send);
    out.sent += d.send ? 1 : 0;
    out.probes += d.probe ? 1 : 0;
    const double paid = d.send ? s.bytes : 0.0;
    out.mean_bytes += paid / n;
    // Largest sum over any window of (paid - budget): Kadane's running form. The window may start at a sent sample.
    running += paid - budget;
    out.largest_excess = std::max(out.largest_excess, running - lowest);
    lowest = std::min(lowest, running);
  }
  return out;
}

gate make(gate_options o) {
  auto made = make_gate(o);
  EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.err().text());
  return std::move(made).value();
}

std::vector<std::pair<const char*, std::function<stream()>>> streams() {
  const auto with = [](auto f) {
    return [f]() -> stream { return [f, g = std::make_shared<rng>(51)](int i) { return f(*g, i); }; };
  };
  return {
      {"independent", with([](rng& g, int) { return stream_sample{static_cast<float>(g.normal()), 1000}; })},
      {"drifting up", with([](rng& g, int i) {
         return stream_sample{static_cast<float>(0.002 * i + g.normal()), 900 + 200 * g.uniform()};
       })},
      {"drifting down", with([](rng& g, int i) { return stream_sample{static_cast<float>(-0.05 * i + g.normal()), 1000}; })},
      {"jumping", with([](rng& g, int i) {
         return stream_sample{static_cast<float>((i / 1500 % 2) * 50 + g.normal()), 500.0 + 1000.0 * (i / 2500 % 2)};
       })},
      {"heavy tails", with([](rng& g, int) {
         return stream_sample{static_cast<float>(std::tan(3.1415 * (g.uniform() - 0.5))),
                              200 + 300 * std::pow(1 - g.uniform(), -0.5)};
       })},
      {"constant", with([](rng&, int) { return stream_sample{1.0f, 1000}; })},
      {"two values", with([](rng& g, int) { return stream_sample{g.chance(0.9) ? 1.0f : 2.0f, 1000}; })},
      {"always rising", with([](rng&, int i) { return stream_sample{static_cast<float>(i), 1000}; })},
      {"always falling", with([](rng&, int i) { return stream_sample{static_cast<float>(-i), 1000}; })},
      {"dear when uncertain", with([](rng& g, int) {
         const double u = g.uniform();
         return stream_sample{static_cast<float>(u), u > 0.8 ? 5000.0 : 200.0};
       })},
      {"saw tooth of the window's length", with([](rng&, int i) { return stream_sample{static_cast<float>(i % 512), 1000}; })},
  };
}

TEST(gate, long_run_bytes_hold_the_budget_for_any_stream) {
  const int n = 15000;
  for (const auto& [name, scores] : {std::pair{"budget", 1u}, {"budget", 2u}, {"stratified", 2u}, {"learned", 2u}, {"random", 1u}}) {
    for (const auto& [what, make_stream] : streams()) {
      for (double budget : {50.0, 150.0, 400.0}) {
        gate_options o;
        o.name = name;
        o.budget_bytes_per_sample = budget;
        o.score_count = scores;
        gate g = make(o);
        const outcome out = run_stream(g, make_stream(), n, budget, o.score_count);
        EXPECT_NEAR(out.mean_bytes, budget, 0.02 * budget) << name << ", " << what << ", budget " << budget;
        EXPECT_LE(out.largest_excess, 256 * budget + 1e-6) << name << ", " << what << ", budget " << budget;
      }
    }
  }
}

TEST(gate, rules_without_a_budget_ignore_it) {
  for (const char* name : {"all", "threshold"}) {
    gate_options o;
    o.name = name;
    o.budget_bytes_per_sample = 100;
    o.cutoff = -1e9;
    gate g = make(o);
    EXPECT_EQ(run_stream(g, [](int) { return stream_sample{1, 1000}; }, 2000, 100).sent, 2000) << name;
  }
}

TEST(gate, a_sample_larger_than_the_bucket_still_gets_through) {
  gate_options o;
  o.name = "budget";
  o.budget_bytes_per_sample = 10;
  o.bucket_samples = 20;  // 200 bytes
  gate g = make(o);
  const outcome out = run_stream(g, [](int i) { return stream_sample{static_cast<float>(i % 7), 1000}; }, 20000, 10);
  EXPECT_GT(out.sent, 0);
  EXPECT_NEAR(out.mean_bytes, 10, 0.5);
}

TEST(gate, without_a_budget_everything_that_is_wanted_goes) {
  for (const gate_kind& kind : gate_kinds()) {
    gate_options o;
    o.name = std::string(kind.name);
    gate g = make(o);
    const outcome out = run_stream(g, [](int i) { return stream_sample{static_cast<float>(i % 5), 1000}; }, 500, 0);
    if (kind.name == "none") {
      EXPECT_EQ(out.sent, out.probes);
      EXPECT_LT(out.sent, 30);
    } else if (kind.name == "threshold") {
      EXPECT_NEAR(out.sent, 400, 10);  // scores 1..4 of 0..4 exceed log 2, and probes
    } else {
      EXPECT_GE(out.sent, 480) << kind.name;
    }
  }
}

TEST(gate, threshold_is_the_papers_rule) {
  gate_options o;
  o.name = "threshold";
  o.probe_share = 0;
  gate g = make(o);
  for (double confidence : {0.1, 0.4, 0.499, 0.501, 0.9}) {
    const auto score = static_cast<float>(-std::log(confidence));
    gate_input in;
    in.scores = &score;
    EXPECT_EQ(g.decide(in).send, confidence < 0.5) << confidence;
  }
}

TEST(gate, budget_sends_the_top) {
  gate_options o;
  o.name = "budget";
  o.budget_bytes_per_sample = 100;
  o.probe_share = 0;
  gate g = make(o);
  rng random(52);
  double sent = 0, skipped = 0;
  int n_sent = 0, n_skipped = 0;
  for (int i = 0; i < 20000; ++i) {
    const auto score = static_cast<float>(random.uniform());
    gate_input in;
    in.scores = &score;
    in.bytes = 1000;
    const bool send = g.decide(in).send;
    if (i < 2000) continue;
    (send ? sent : skipped) += score;
    (send ? n_sent : n_skipped) += 1;
  }
  EXPECT_GT(sent / n_sent, 0.93);  // ideal 0.95
  EXPECT_NEAR(g.threshold(), 0.9, 0.05);
  EXPECT_NEAR(n_sent / 18000.0, 0.1, 0.005);
}

TEST(gate, mean_ranks_need_no_common_scale) {
  // The second score is a thousand times larger; both must count alike.
  gate_options o;
  o.name = "budget";
  o.score_count = 2;
  o.budget_bytes_per_sample = 200;
  o.probe_share = 0;
  gate g = make(o);
  rng random(53);
  double first = 0, second = 0;
  int sent = 0;
  for (int i = 0; i < 20000; ++i) {
    const double a = random.uniform(), b = random.uniform();
    const float scores[] = {static_cast<float>(a), static_cast<float>(1000 * b)};
    gate_input in;
    in.scores = scores;
    in.bytes = 1000;
    if (!g.decide(in).send) continue;
    first += a;
    second += b;
    ++sent;
  }
  EXPECT_NEAR(first / sent, second / sent, 0.02);
  EXPECT_GT(first / sent, 0.7);
}

TEST(gate, probes_are_drawn_whatever_the_score) {
  gate_options o;
  o.name = "threshold";
  o.cutoff = 1e9;  // the policy wants nothing
  o.probe_share = 0.1;
  gate g = make(o);
  const outcome out = run_stream(g, [](int) { return stream_sample{1, 1}; }, 20000, 0);
  EXPECT_EQ(out.sent, out.probes);
  EXPECT_NEAR(out.probes / 20000.0, 0.1, 0.01);
}

TEST(gate, same_seed_same_decisions) {
  for (const gate_kind& kind : gate_kinds()) {
    gate_options o;
    o.name = std::string(kind.name);
    o.budget_bytes_per_sample = 300;
    const auto decisions = [&](std::uint64_t seed) {
      o.seed = seed;
      gate g = make(o);
      rng scores(9);
      return run_stream(g, [&](int) { return stream_sample{static_cast<float>(scores.uniform()), 1000}; }, 3000, 300).which;
    };
    EXPECT_EQ(decisions(1), decisions(1)) << kind.name;
    if (kind.name != "all") {  // nothing in it is drawn
      EXPECT_NE(decisions(1), decisions(2)) << kind.name;
    }
  }
}

TEST(gate, corrections_keep_the_true_bytes_on_budget) {
  gate_options o;
  o.name = "stratified";
  o.budget_bytes_per_sample = 100;
  gate g = make(o);
  rng random(54);
  double truth = 0;
  const int n = 30000;
  for (int i = 0; i < n; ++i) {
    const auto score = static_cast<float>(random.uniform());
    gate_input in;
    in.scores = &score;
    in.bytes = 1000;  // estimated
    if (!g.decide(in).send) continue;
    const double actual = 400 + 200 * random.uniform();
    truth += actual;
    g.correct(actual - 1000);
  }
  EXPECT_NEAR(truth / n, 100, 2);
}

TEST(stratified_gate, covers_the_score_distribution_and_leans_to_the_uncertain) {
  gate_options o;
  o.name = "stratified";
  o.budget_bytes_per_sample = 100;
  o.novelty = 0;
  o.probe_share = 0;
  o.mix = 0.5;
  gate g = make(o);
  rng random(55);
  std::vector<int> sent(8, 0);
  const int n = 64000;
  for (int i = 0; i < n; ++i) {
    const double u = random.uniform();
    const auto score = static_cast<float>(u);
    gate_input in;
    in.scores = &score;
    in.bytes = 1000;
    if (g.decide(in).send) ++sent[static_cast<std::size_t>(u * 8)];
  }
  // p(rank) = 0.1 (0.5 + rank): stratum k has mean rank (k + 1/2) / 8.
  for (std::size_t k = 0; k < 8; ++k) {
    const double expected = n / 8.0 * 0.1 * (0.5 + (static_cast<double>(k) + 0.5) / 8);
    EXPECT_NEAR(sent[k], expected, 0.1 * expected) << k;
  }
}

TEST(stratified_gate, prefers_what_was_not_sent_lately) {
  gate_options o;
  o.name = "stratified";
  o.budget_bytes_per_sample = 100;
  o.novelty = 4;
  o.mix = 0;
  o.probe_share = 0;
  gate g = make(o);
  rng random(56);
  int rare_sent = 0, rare = 0, common_sent = 0, common = 0;
  for (int i = 0; i < 20000; ++i) {
    const bool is_rare = random.chance(0.02);
    const auto score = static_cast<float>(random.uniform());
    float pooled[3];
    for (int d = 0; d < 3; ++d) pooled[d] = static_cast<float>((is_rare ? 20.0 * random.normal() : 0.0) + 0.1 * random.normal());
    gate_input in;
    in.scores = &score;
    in.bytes = 1000;
    in.pooled = pooled;
    in.width = 3;
    const bool send = g.decide(in).send;
    (is_rare ? rare : common) += 1;
    (is_rare ? rare_sent : common_sent) += send ? 1 : 0;
  }
  EXPECT_GT(static_cast<double>(rare_sent) / rare, 1.3 * common_sent / common);
}

TEST(stratified_gate, without_features_novelty_has_no_say) {
  gate_options o;
  o.name = "stratified";
  o.budget_bytes_per_sample = 100;
  o.probe_share = 0;
  const auto chosen = [&](double novelty) {
    o.novelty = novelty;
    gate g = make(o);
    rng random(57);
    return run_stream(g, [&](int) { return stream_sample{static_cast<float>(random.uniform()), 500}; }, 4000, 100).which;
  };
  EXPECT_EQ(chosen(4), chosen(0));
}

TEST(stratified_gate, rank_weight_has_mean_one) {
  for (double peak : {0.0, 0.3, 0.8, 1.0}) {
    double sum = 0;
    for (int i = 0; i < 10000; ++i) sum += rank_weight((i + 0.5) / 10000, peak) / 10000;
    EXPECT_NEAR(sum, 1.0, 1e-3) << peak;
    EXPECT_NEAR(rank_weight(peak, peak), 2.0, 1e-12);
  }
}

TEST(learned_gate, weights_from_the_cloud_change_what_is_sent) {
  gate_options o;
  o.name = "learned";
  o.score_count = 2;
  o.budget_bytes_per_sample = 100;
  o.mix = 0;
  o.probe_share = 0;
  gate g = make(o);
  gate_weights only_low_second;
  only_low_second.weights = {0, -8, 0};
  only_low_second.bias = 4;
  ASSERT_TRUE(g.learn(only_low_second).ok());
  rng random(57);
  double first = 0, second = 0;
  int sent = 0;
  for (int i = 0; i < 20000; ++i) {
    const float scores[] = {static_cast<float>(random.uniform()), static_cast<float>(random.uniform())};
    gate_input in;
    in.scores = scores;
    in.bytes = 1000;
    if (!g.decide(in).send) continue;
    first += static_cast<double>(scores[0]);
    second += static_cast<double>(scores[1]);
    ++sent;
  }
  EXPECT_NEAR(first / sent, 0.5, 0.03);
  EXPECT_LT(second / sent, 0.4);
  EXPECT_EQ(g.learn({{1, 2}, 0}).err().code, errc::shape_mismatch);
  EXPECT_EQ(g.learn({{1, 2, NAN}, 0}).err().code, errc::corrupt);
  gate plain = make({});
  EXPECT_EQ(plain.learn(only_low_second).err().code, errc::unsupported);
}

TEST(gate_weights, fit_recovers_a_known_law) {
  rng g(58);
  gate_weights truth{{3.0f, -2.0f}, 0.5f};
  std::vector<double> x, paid;
  for (int i = 0; i < 20000; ++i) {
    const double row[] = {g.uniform(), g.uniform()};
    x.insert(x.end(), row, row + 2);
    paid.push_back(g.chance(worth(truth, row)) ? 1.0 : 0.0);
  }
  const auto fitted = fit_gate_weights(x.data(), paid.data(), paid.size(), 2, 1e-3);
  ASSERT_TRUE(fitted.ok());
  EXPECT_NEAR(fitted->weights[0], 3.0, 0.2);
  EXPECT_NEAR(fitted->weights[1], -2.0, 0.2);
  EXPECT_NEAR(fitted->bias, 0.5, 0.15);
}

TEST(gate_weights, fit_bears_extremes_and_refuses_nonsense) {
  const std::vector<double> x = {0, 1}, separable = {0, 1}, all = {1, 1}, bad = {0, 2};
  for (const auto& paid : {separable, all}) {
    const auto fitted = fit_gate_weights(x.data(), paid.data(), 2, 1, 1e-2);
    ASSERT_TRUE(fitted.ok());
    EXPECT_TRUE(check_gate_weights(*fitted, 1).ok());
  }
  EXPECT_FALSE(fit_gate_weights(x.data(), bad.data(), 2, 1).ok());
  EXPECT_FALSE(fit_gate_weights(x.data(), all.data(), 0, 1).ok());
  EXPECT_FALSE(fit_gate_weights(x.data(), all.data(), 2, 1, 0).ok());
}

TEST(gate, options_out_of_bounds_are_all_named) {
  gate_options o;
  o.name = "wishful";
  o.mix = 2;
  o.budget_bytes_per_sample = -1;
  o.window = 0;
  const auto made = make_gate(o);
  ASSERT_FALSE(made.ok());
  for (const char* word : {"wishful", "stratified", "mix", "budget_bytes_per_sample", "window"}) {
    EXPECT_NE(made.err().text().find(word), std::string::npos) << word;
  }
}

TEST(score_window, ranks_against_the_recent_past) {
  score_window w(4);
  EXPECT_DOUBLE_EQ(w.rank_and_add(10), 0.5);
  EXPECT_GT(w.rank_and_add(11), 0.5);
  EXPECT_LT(w.rank_and_add(9), 0.5);
  for (int i = 0; i < 4; ++i) w.rank_and_add(100);  // everything older is forgotten
  EXPECT_LT(w.rank_and_add(50), 0.2);
  EXPECT_EQ(w.size(), 4u);
  EXPECT_FLOAT_EQ(w.quantile(1.0), 100);
  EXPECT_FLOAT_EQ(w.quantile(0.0), 50);
}

TEST(score_window, constant_scores_rank_evenly) {
  score_window w(64);
  std::vector<double> ranks;
  for (int i = 0; i < 1000; ++i) ranks.push_back(w.rank_and_add(3));
  std::sort(ranks.begin(), ranks.end());
  for (std::size_t i = 0; i < ranks.size(); ++i) EXPECT_NEAR(ranks[i], static_cast<double>(i) / 1000, 0.02);
}

}  // namespace
}  // namespace freshet::uncertainty

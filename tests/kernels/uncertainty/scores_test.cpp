// The registries: every name computes, needs are enforced, controls and priors do what they say.
#include "kernels/uncertainty/scores.hpp"

#include <set>
#include <utility>

#include "kernels/uncertainty/finite.hpp"
#include "kernels/uncertainty/token_priors.hpp"
#include "tests/kernels/uncertainty/score_fixture.hpp"

namespace freshet::uncertainty {
namespace {

struct scores : ::testing::Test {
  rng g{31};
  std::vector<float> logits = normal_rows(g, 3 * 20, 2.0), features = normal_rows(g, 9 * 6), relevance = normal_rows(g, 9);
  std::vector<std::uint8_t> patches = std::vector<std::uint8_t>(9 * 12, 7);
  sample_view view;
  score_context context;
  scores() {
    view.logits = logits.data();
    view.positions = 3;
    view.vocabulary = 20;
    view.features = features.data();
    view.tokens = 9;
    view.width = 6;
    view.relevance = relevance.data();
    view.patches = patches.data();
    view.patch_bytes = 12;
    context.source = context.token_source = gaussian{std::vector<float>(6, 0), std::vector<float>(6, 1)};
    context.background = context.token_background = gaussian{std::vector<float>(6, 1), std::vector<float>(6, 2)};
  }
};

TEST_F(scores, every_name_is_unique_found_and_computes) {
  std::set<std::string_view> names;
  for (const sample_score& s : sample_scores()) {
    EXPECT_TRUE(names.insert(s.name).second);
    ASSERT_TRUE(find_sample_score(s.name).ok());
    EXPECT_TRUE(compute(s, view, context, g).ok()) << s.name;
  }
  names.clear();
  for (const token_score& s : token_scores()) {
    EXPECT_TRUE(names.insert(s.name).second);
    ASSERT_TRUE(find_token_score(s.name).ok());
    const auto values = compute(s, view, context, g);
    ASSERT_TRUE(values.ok()) << s.name;
    EXPECT_EQ(values->size(), 9u);
  }
  for (const char* name : {"confidence_product", "entropy", "margin", "min_entropy", "gen", "mahalanobis",
                           "relative_mahalanobis", "random", "all"}) {
    EXPECT_TRUE(find_sample_score(name).ok()) << name;
  }
  for (const char* name : {"feature_energy", "mc_dropout", "mahalanobis", "relative_mahalanobis", "random", "centre",
                           "relevance", "patch_detail"}) {
    EXPECT_TRUE(find_token_score(name).ok()) << name;
  }
}

TEST_F(scores, an_unknown_name_is_an_error_that_lists_the_known) {
  const auto missing = find_sample_score("entropi");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.err().code, errc::not_found);
  EXPECT_NE(missing.err().text().find("entropy"), std::string::npos);
  EXPECT_FALSE(find_token_score("").ok());
}

TEST_F(scores, what_is_needed_and_missing_is_an_error) {
  const sample_view nothing;
  for (const sample_score& s : sample_scores()) {
    EXPECT_EQ(compute(s, nothing, context, g).ok(), s.needs == needs_nothing) << s.name;
    if ((s.needs & needs_source) != 0) {
      EXPECT_FALSE(compute(s, view, {}, g).ok()) << s.name;
    }
  }
  for (const token_score& s : token_scores()) {
    sample_view only_count;
    only_count.tokens = 9;
    EXPECT_EQ(compute(s, only_count, context, g).ok(), s.needs == needs_nothing) << s.name;
  }
}

TEST_F(scores, what_is_not_finite_is_refused_wherever_it_hides) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    for (std::size_t i = 0; i < logits.size(); i += 7) {
      const float was = std::exchange(logits[i], bad);
      const bool allowed = bad == -INFINITY;  // a word that is ruled out
      for (const sample_score& s : sample_scores()) {
        if ((s.needs & needs_logits) == 0) continue;
        EXPECT_EQ(compute(s, view, context, g).ok(), allowed) << s.name << " " << bad << " at " << i;
      }
      logits[i] = was;
    }
    for (std::size_t i = 0; i < features.size(); ++i) {
      const float was = std::exchange(features[i], bad);
      for (const char* name : {"feature_energy", "mahalanobis", "relative_mahalanobis"}) {
        EXPECT_EQ(compute(*find_token_score(name), view, context, g).err().code, errc::corrupt) << name;
      }
      EXPECT_EQ(compute(*find_sample_score("relative_mahalanobis"), view, context, g).err().code, errc::corrupt);
      features[i] = was;
    }
  }
  const std::vector<float> nothing_possible(20, -INFINITY);
  view.logits = nothing_possible.data();
  view.positions = 1;
  EXPECT_FALSE(compute(*find_sample_score("min_entropy"), view, context, g).ok());
}

TEST(finite, finds_one_bad_value_at_any_place) {
  for (std::size_t n : odd_widths) {
    std::vector<float> x(n, 1.0f);
    EXPECT_TRUE(all_finite(x.data(), n));
    for (std::size_t i = 0; i < n; i += 1 + n / 50) {
      for (const float bad : {NAN, INFINITY, -INFINITY}) {
        x[i] = bad;
        EXPECT_FALSE(all_finite(x.data(), n));
        EXPECT_EQ(all_logits(x.data(), n), bad == -INFINITY);
      }
      x[i] = -1.0f;
    }
  }
}

TEST_F(scores, more_uncertain_answers_score_higher) {
  std::vector<float> sure(20, 0.0f), unsure(20, 0.0f);
  sure[4] = 12.0f;
  unsure[4] = 0.05f;
  sample_view a = view, b = view;
  a.logits = sure.data();
  b.logits = unsure.data();
  a.positions = b.positions = 1;
  for (const char* name : {"confidence_product", "confidence_mean", "min_entropy", "entropy", "margin", "gen"}) {
    const auto score = find_sample_score(name);
    EXPECT_LT(*compute(*score, a, context, g), *compute(*score, b, context, g)) << name;
  }
}

TEST_F(scores, centre_prior_follows_the_grid) {
  const auto square = compute(*find_token_score("centre"), view, context, g);
  ASSERT_TRUE(square.ok());
  EXPECT_FLOAT_EQ((*square)[4], 0.0f);
  EXPECT_FLOAT_EQ((*square)[0], -1.0f);
  EXPECT_FLOAT_EQ((*square)[1], -0.5f);
  EXPECT_EQ((*square)[0], (*square)[8]);
  view.tokens = 8;
  EXPECT_EQ(compute(*find_token_score("centre"), view, context, g).err().code, errc::invalid_argument);
  context.grid_width = 4;
  const auto wide = compute(*find_token_score("centre"), view, context, g);
  ASSERT_TRUE(wide.ok());
  EXPECT_GT((*wide)[1], (*wide)[0]);
  EXPECT_EQ((*wide)[1], (*wide)[6]);
}

TEST_F(scores, patch_detail_is_the_variance_of_the_bytes) {
  for (std::size_t i = 0; i < 12; ++i) patches[12 + i] = i % 2 == 0 ? 0 : 255;
  const auto detail = compute(*find_token_score("patch_detail"), view, context, g);
  EXPECT_FLOAT_EQ((*detail)[0], 0.0f);
  EXPECT_FLOAT_EQ((*detail)[1], 127.5f * 127.5f);
}

TEST_F(scores, random_is_seeded_and_constant_is_constant) {
  rng a(1), b(1), c(2);
  const auto random = *find_token_score("random");
  const auto x = compute(random, view, context, a), y = compute(random, view, context, b),
             z = compute(random, view, context, c);
  EXPECT_EQ(*x, *y);
  EXPECT_NE(*x, *z);
  EXPECT_EQ(*compute(*find_sample_score("all"), view, context, a), 1.0f);
}

}  // namespace
}  // namespace freshet::uncertainty

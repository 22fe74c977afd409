// Token masks against a full sort, and bitmaps against what they name.
#include "kernels/uncertainty/token_mask.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/base/rng.hpp"

namespace freshet::uncertainty {
namespace {

TEST(token_mask, equals_a_stable_sort_for_random_scores_with_ties) {
  rng g(41);
  for (std::size_t n = 0; n < 70; ++n) {
    std::vector<float> scores(n);
    for (float& s : scores) s = static_cast<float>(g.below(n / 2 + 1));  // many ties
    for (std::size_t k = 0; k <= n + 1; ++k) {
      for (polarity keep : {polarity::keep_high, polarity::keep_low}) {
        std::vector<std::uint32_t> order(n);
        std::iota(order.begin(), order.end(), 0U);
        std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
          return keep == polarity::keep_high ? scores[a] > scores[b] : scores[a] < scores[b];
        });
        order.resize(std::min(k, n));
        std::sort(order.begin(), order.end());
        const token_selection got = select_tokens(scores, k, keep);
        ASSERT_EQ(got.kept, order);
        const auto named = kept_tokens(got.bitmap, n);
        ASSERT_TRUE(named.ok());
        ASSERT_EQ(*named, order);
      }
    }
  }
}

TEST(token_mask, polarities_split_the_tokens_when_scores_differ) {
  const std::vector<float> scores = {4, 1, 3, 2};
  EXPECT_EQ(select_tokens(scores, 2, polarity::keep_high).kept, (std::vector<std::uint32_t>{0, 2}));
  EXPECT_EQ(select_tokens(scores, 2, polarity::keep_low).kept, (std::vector<std::uint32_t>{1, 3}));
}

TEST(token_mask, what_is_not_a_number_comes_last) {
  const std::vector<float> scores = {NAN, 1, NAN, 2};
  EXPECT_EQ(select_tokens(scores, 2, polarity::keep_high).kept, (std::vector<std::uint32_t>{1, 3}));
  EXPECT_EQ(select_tokens(scores, 2, polarity::keep_low).kept, (std::vector<std::uint32_t>{1, 3}));
}

TEST(token_mask, counts_from_shares) {
  EXPECT_EQ(kept_count(0, 0.5), 0u);
  EXPECT_EQ(kept_count(10, 0.0), 1u);
  EXPECT_EQ(kept_count(10, 0.25), 3u);
  EXPECT_EQ(kept_count(36, 0.25), 9u);
  EXPECT_EQ(kept_count(10, 1.0), 10u);
  EXPECT_EQ(kept_count(10, 7.0), 10u);
}

TEST(token_mask, lying_bitmaps_are_refused) {
  EXPECT_FALSE(kept_tokens({0xff}, 9).ok());
  EXPECT_FALSE(kept_tokens({0xff, 0x02}, 9).ok());
  EXPECT_TRUE(kept_tokens({0xff, 0x01}, 9).ok());
  EXPECT_FALSE(kept_tokens({}, 1).ok());
  EXPECT_FALSE(kept_tokens({0}, 0).ok());
}

TEST(token_mask, polarity_by_name) {
  EXPECT_EQ(*parse_polarity("high"), polarity::keep_high);
  EXPECT_EQ(*parse_polarity("low"), polarity::keep_low);
  EXPECT_FALSE(parse_polarity("up").ok());
}

}  // namespace
}  // namespace freshet::uncertainty

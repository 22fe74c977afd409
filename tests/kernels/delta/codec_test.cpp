#include "kernels/delta/codec.hpp"

#include "kernels/delta/codec_ams.hpp"
#include "kernels/delta/codec_topk.hpp"
#include "kernels/delta/update.hpp"
#include "tests/kernels/delta/support.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::delta {
namespace {

std::vector<float> decoded(const std::vector<std::uint8_t>& payload, const layout& parts) {
  std::vector<float> out(parts.total(), 0.0F);
  EXPECT_TRUE(apply_update(payload, parts, out.data()).ok());
  return out;
}

TEST(codec, names_are_known_and_unknown_ones_list_them) {
  EXPECT_THAT(codec_names(),
              testing::ElementsAre("dwc", "none", "dense8", "dense4", "dense2", "bitdelta", "ams", "topk"));
  for (const auto name : codec_names()) EXPECT_EQ((*find_codec(name))->name(), name);
  const auto missing = find_codec("zip");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.err().code, errc::not_found);
  EXPECT_THAT(missing.err().context, testing::HasSubstr("zip; known are dwc, none"));
}

TEST(codec, each_is_decoded_by_the_one_decoder_and_keeps_its_budget) {
  rng from(1);
  const layout parts = test::adapter();
  for (const auto name : codec_names()) {
    const update_codec& codec = **find_codec(name);
    for (int round = 0; round < 20; ++round) {
      const auto delta = test::adapter_delta(parts, from);
      if (test::squares(delta) == 0) continue;
      const auto payload = codec.encode({delta.data(), nullptr, parts, unlimited_bytes});
      ASSERT_TRUE(payload.ok()) << name;
      const auto left = test::difference(delta, decoded(*payload, parts));
      EXPECT_LT(test::squares(left), test::squares(delta)) << name;

      const std::uint64_t less = payload->size() - 1;
      const auto squeezed = codec.encode({delta.data(), nullptr, parts, less});
      if (name == "dwc") {
        ASSERT_TRUE(squeezed.ok());
        EXPECT_LE(squeezed->size(), less);
      } else {
        ASSERT_FALSE(squeezed.ok());
        EXPECT_EQ(squeezed.err().code, errc::too_large);
      }
    }
  }
}

TEST(codec, dwc_without_a_limit_is_as_good_as_fp16) {
  rng from(2);
  const layout parts = test::adapter();
  const auto delta = test::values(test::shape::gauss, parts.total(), from);
  const auto payload = (*find_codec("dwc"))->encode({delta.data(), nullptr, parts, unlimited_bytes});
  const auto left = test::difference(delta, decoded(*payload, parts));
  EXPECT_LT(test::squares(left), test::squares(delta) * 1e-7);
}

TEST(codec, dwc_fills_its_budget_and_never_exceeds_it) {
  rng from(6);
  layout parts;
  for (int i = 0; i < 12; ++i) parts.append("layer" + std::to_string(i), 16, 24);
  const update_codec& dwc = **find_codec("dwc");
  for (int round = 0; round < 60; ++round) {
    const auto delta = test::values(test::shape::heavy, parts.total(), from);
    const auto budget = static_cast<std::uint64_t>(std::exp(from.uniform(0.0, 9.0)));
    const auto payload = dwc.encode({delta.data(), nullptr, parts, budget});
    ASSERT_TRUE(payload.ok());
    ASSERT_LE(payload->size(), budget);
    if (budget > 200 && budget < 2 * parts.total()) {
      ASSERT_GE(payload->size(), budget * 80 / 100) << budget;
    }
    ASSERT_LE(test::squares(test::difference(delta, decoded(*payload, parts))), test::squares(delta));
  }
  const std::vector<float> zero(parts.total(), 0.0F);
  EXPECT_EQ(dwc.encode({zero.data(), nullptr, parts, 1})->size(), 1U);
  EXPECT_EQ(dwc.encode({zero.data(), nullptr, parts, 0}).err().code, errc::invalid_argument);
}

TEST(codec, dwc_beats_the_comparators_at_their_own_size) {
  rng from(3);
  layout parts;
  for (int i = 0; i < 6; ++i) parts.append("layer" + std::to_string(i), 32, 40);
  std::vector<float> delta(parts.total());
  for (std::size_t i = 0; i < delta.size(); ++i) {
    const auto layer = static_cast<double>(i / 1280);
    delta[i] = static_cast<float>(from.normal() * std::exp(0.7 * layer + 0.8 * from.normal()));
  }
  const update_codec& dwc = **find_codec("dwc");
  for (const auto name : {"ams", "bitdelta", "dense2", "dense4", "topk"}) {
    const auto theirs = *(*find_codec(name))->encode({delta.data(), nullptr, parts, unlimited_bytes});
    const auto ours = dwc.encode({delta.data(), nullptr, parts, theirs.size()});
    ASSERT_TRUE(ours.ok());
    const double their_error = test::squares(test::difference(delta, decoded(theirs, parts)));
    const double our_error = test::squares(test::difference(delta, decoded(*ours, parts)));
    EXPECT_LT(our_error, their_error) << name;
  }
}

TEST(codec, ams_keeps_exactly_the_top_share_in_fp16) {
  rng from(4);
  const layout parts = test::adapter();
  const auto delta = test::values(test::shape::gauss, parts.total(), from);
  for (const double share : {0.01, 0.05, 0.2}) {
    const auto got = decoded(*make_ams_codec(share)->encode({delta.data(), nullptr, parts, unlimited_bytes}), parts);
    std::vector<float> order;
    for (const float v : delta) order.push_back(std::fabs(v));
    std::sort(order.rbegin(), order.rend());
    const auto keep = static_cast<std::size_t>(std::ceil(share * static_cast<double>(delta.size())));
    for (std::size_t i = 0; i < delta.size(); ++i) {
      if (std::fabs(delta[i]) >= order[keep - 1]) {
        ASSERT_NEAR(static_cast<double>(got[i] / delta[i]), 1.0, 0x1p-11);
      } else {
        ASSERT_EQ(got[i], 0.0F);
      }
    }
  }
  EXPECT_EQ(make_ams_codec(0.0)->encode({delta.data(), nullptr, parts, unlimited_bytes}).err().code,
            errc::invalid_argument);
}

TEST(codec, ties_and_zeros_do_not_widen_the_share) {
  layout parts;
  parts.append("a", 1, 50);
  parts.append("b", 1, 50);
  const std::vector<float> equal(100, 0.5F);
  const auto got = decoded(*make_topk_codec(0.1, 16)->encode({equal.data(), nullptr, parts, unlimited_bytes}), parts);
  EXPECT_EQ(std::count(got.begin(), got.end(), 0.5F), 10);
  std::vector<float> lone(100, 0.0F);
  lone[77] = 1.0F;
  const auto one = decoded(*make_topk_codec(0.1, 16)->encode({lone.data(), nullptr, parts, unlimited_bytes}), parts);
  EXPECT_EQ(one, lone);
  const std::vector<float> zero(100, 0.0F);
  EXPECT_EQ(make_topk_codec(0.1, 4)->encode({zero.data(), nullptr, parts, unlimited_bytes})->size(), 1U);
}

TEST(codec, bitdelta_sends_one_scale_a_segment) {
  layout parts;
  parts.append("a", 1, 800);
  parts.append("b", 1, 80);
  rng from(5);
  const auto delta = test::values(test::shape::gauss, 880, from);
  const auto payload = *(*find_codec("bitdelta"))->encode({delta.data(), nullptr, parts, unlimited_bytes});
  EXPECT_EQ(payload.size(), 3U + (3 + 2 + 100) + (3 + 2 + 10));
  const auto got = decoded(payload, parts);
  double mean = 0;
  for (std::size_t i = 0; i < 800; ++i) mean += std::fabs(static_cast<double>(delta[i])) / 800;
  for (std::size_t i = 0; i < 800; ++i) {
    ASSERT_EQ(std::signbit(got[i]), std::signbit(delta[i]));
    ASSERT_NEAR(std::fabs(static_cast<double>(got[i])), mean, mean * 0x1p-11);
  }
}

}  // namespace
}  // namespace freshet::delta

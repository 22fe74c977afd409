#include "kernels/delta/choose.hpp"

#include "kernels/delta/update.hpp"
#include "tests/kernels/delta/support.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace freshet::delta {
namespace {

struct outcome {
  std::size_t bytes = 0;
  double benefit = 0;  // share of Σ importance × Δ² that the update takes away
};

double weighted(const std::vector<float>& x, const std::vector<float>& importance) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += (importance.empty() ? 1.0 : static_cast<double>(importance[i])) * static_cast<double>(x[i]) *
           static_cast<double>(x[i]);
  }
  return sum;
}

outcome carry_out(const update_plan& plan, const layout& parts, const std::vector<float>& delta,
                  const std::vector<float>& importance) {
  const float* weights = importance.empty() ? nullptr : importance.data();
  const auto bytes = encode_update(delta.data(), weights, parts, plan);
  EXPECT_TRUE(bytes.ok());
  std::vector<float> decoded(delta.size(), 0.0F);
  EXPECT_TRUE(apply_update(*bytes, parts, decoded.data()).ok());
  const double all = weighted(delta, importance);
  const double left = weighted(test::difference(delta, decoded), importance);
  return {bytes->size(), all > 0 ? 1 - left / all : 0};
}

TEST(choose, budgets_are_kept_and_more_bytes_never_do_less) {
  rng from(1);
  const layout parts = test::adapter();
  for (int round = 0; round < 40; ++round) {
    const auto delta = test::adapter_delta(parts, from);
    std::vector<float> importance;
    if (from.chance(0.5)) {
      for (std::size_t i = 0; i < delta.size(); ++i) importance.push_back(static_cast<float>(std::exp(from.normal())));
    }
    const float* weights = importance.empty() ? nullptr : importance.data();
    for (int budgets = 0; budgets < 12; ++budgets) {
      const auto budget = static_cast<std::uint64_t>(std::exp(from.uniform(0.0, 8.0)));
      auto plan = choose_plan(delta.data(), weights, parts, budget);
      ASSERT_TRUE(plan.ok());
      plan->zstd_level = 0;  // the promise holds without help from zstd
      const outcome got = carry_out(*plan, parts, delta, importance);
      ASSERT_LE(got.bytes, budget);
      ASSERT_GE(got.benefit, 0.0);
      const outcome much =
          carry_out(*choose_plan(delta.data(), weights, parts, 2 * budget + 64), parts, delta, importance);
      ASSERT_GE(much.benefit, got.benefit * 0.97 - 1e-9) << budget;
    }
  }
}

TEST(choose, spends_what_it_has) {
  rng from(2);
  layout parts;
  parts.append("a", 64, 64);
  parts.append("b", 64, 64);
  const auto delta = test::values(test::shape::heavy, parts.total(), from);
  for (const std::uint64_t budget : {200U, 600U, 1500U, 4000U}) {
    auto plan = *choose_plan(delta.data(), nullptr, parts, budget);
    plan.zstd_level = 0;
    EXPECT_GE(carry_out(plan, parts, delta, {}).bytes, budget * 8 / 10);
  }
}

TEST(choose, no_worse_than_any_single_format_of_the_same_size) {
  rng from(3);
  const layout parts = test::adapter();
  for (int round = 0; round < 30; ++round) {
    std::vector<float> delta = test::adapter_delta(parts, from);
    if (from.chance(0.5)) {
      for (auto& v : delta) v = from.chance(0.9) ? v * 0.01F : v;  // a few values carry it all
    }
    if (weighted(delta, {}) == 0) continue;
    for (const segment_plan fixed :
         {segment_plan{segment_format::dense, 1, 64, 0}, segment_plan{segment_format::dense, 2, 64, 0},
          segment_plan{segment_format::dense, 4, 64, 0}, segment_plan{segment_format::dense, 16, 0, 0},
          segment_plan{segment_format::sparse, 4, 64, 1}}) {
      update_plan plan;
      for (const segment& part : parts.segments) {
        plan.segments.push_back(fixed);
        if (fixed.format == segment_format::sparse) {
          plan.segments.back().keep = static_cast<std::uint32_t>((part.count + 19) / 20);
        }
      }
      const outcome uniform = carry_out(plan, parts, delta, {});
      auto chosen = *choose_plan(delta.data(), nullptr, parts, uniform.bytes);
      chosen.zstd_level = 0;
      EXPECT_GE(carry_out(chosen, parts, delta, {}).benefit, uniform.benefit - 0.02);
    }
  }
}

TEST(choose, bytes_go_where_the_importance_is) {
  layout parts;
  parts.append("matters", 16, 16);
  parts.append("does_not", 16, 16);
  rng from(4);
  const auto delta = test::values(test::shape::gauss, parts.total(), from);
  std::vector<float> importance(parts.total(), 0.0F);
  std::fill_n(importance.begin(), 256, 1.0F);
  auto plan = *choose_plan(delta.data(), importance.data(), parts, 100);
  EXPECT_NE(plan.segments[0].format, segment_format::skip);
  EXPECT_EQ(plan.segments[1].format, segment_format::skip);

  // A little importance gets what the other segment cannot use.
  std::fill(importance.begin() + 256, importance.end(), 1e-6F);
  plan = *choose_plan(delta.data(), importance.data(), parts, 100);
  plan.segments[1] = {};
  plan.zstd_level = 0;
  EXPECT_GE(carry_out(plan, parts, delta, importance).bytes, 70U);
}

TEST(choose, few_large_values_are_sent_sparse_and_even_ones_dense) {
  layout parts;
  parts.append("spiky", 32, 32);
  parts.append("even", 32, 32);
  rng from(5);
  std::vector<float> delta(parts.total(), 0.0F);
  for (int i = 0; i < 20; ++i) delta[from.below(1024)] = static_cast<float>(from.normal());
  for (std::size_t i = 1024; i < 2048; ++i) delta[i] = from.chance(0.5) ? 0.1F : -0.1F;
  const auto plan = choose_plan(delta.data(), nullptr, parts, 400);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->segments[0].format, segment_format::sparse);
  EXPECT_EQ(plan->segments[1].format, segment_format::dense);
  EXPECT_EQ(plan->segments[1].bits, 1U);
}

TEST(choose, zeros_give_the_empty_plan_and_nonsense_an_error) {
  const layout parts = test::adapter();
  std::vector<float> delta(parts.total(), 0.0F);
  const auto plan = choose_plan(delta.data(), nullptr, parts, 1000);
  ASSERT_TRUE(plan.ok());
  for (const auto& one : plan->segments) EXPECT_EQ(one.format, segment_format::skip);
  EXPECT_EQ(choose_plan(delta.data(), nullptr, parts, 0).err().code, errc::invalid_argument);
  std::vector<float> importance(parts.total(), 1.0F);
  importance[9] = -1.0F;
  EXPECT_EQ(choose_plan(delta.data(), importance.data(), parts, 1000).err().code, errc::invalid_argument);
  importance[9] = std::nanf("");
  EXPECT_EQ(choose_plan(delta.data(), importance.data(), parts, 1000).err().code, errc::invalid_argument);
  delta[0] = INFINITY;
  EXPECT_EQ(choose_plan(delta.data(), nullptr, parts, 1000).err().code, errc::invalid_argument);
}

}  // namespace
}  // namespace freshet::delta

#include "kernels/delta/update.hpp"

#include "tests/kernels/delta/support.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace freshet::delta {
namespace {

layout two_segments() {
  layout parts;
  parts.append("a", 1, 4);
  parts.append("b", 1, 8);
  return parts;
}

segment_plan random_plan(const segment& part, rng& from) {
  static constexpr unsigned bits[] = {1, 2, 3, 4, 8, 16};
  static constexpr std::uint32_t groups[] = {0, 8, 64, 256, 32768};
  segment_plan plan;
  plan.format = static_cast<segment_format>(from.below(4));
  plan.bits = bits[from.below(6)];
  plan.group = groups[from.below(5)];
  plan.keep = static_cast<std::uint32_t>(1 + from.below(part.count));
  return plan;
}

update_plan random_plan(const layout& parts, rng& from) {
  update_plan plan;
  for (const segment& part : parts.segments) plan.segments.push_back(random_plan(part, from));
  plan.zstd_level = from.chance(0.5) ? 3 : 0;
  return plan;
}

TEST(update, bytes_on_the_wire) {
  const layout parts = two_segments();
  // plain, exponent 0, one segment, skip 1, sparse at 16 bits, keep 2, k 0: gaps 1 and 3, values 1.0 and -2.0
  const std::vector<std::uint8_t> sparse{0x01, 0x00, 0x01, 0x01, 0x25, 2, 0, 0x22, 0x00, 0x3c, 0x00, 0xc0};
  std::vector<float> values(12, 10.0F);
  ASSERT_TRUE(apply_update(sparse, parts, values.data()).ok());
  EXPECT_EQ(values, (std::vector<float>{10, 10, 10, 10, 10, 11, 10, 10, 10, 8, 10, 10}));
  // plain, exponent -1, one segment, skip 0, dense 4 bits, one group, scale 1.0: codes 0 8 15 9
  const std::vector<std::uint8_t> dense{0x01, 0xff, 0x01, 0x00, 0x13, 0x00, 0x00, 0x3c, 0x80, 0x9f};
  ASSERT_TRUE(apply_update(dense, parts, values.data()).ok());
  EXPECT_EQ(values, (std::vector<float>{6, 10, 13.5F, 10.5F, 10, 11, 10, 10, 10, 8, 10, 10}));
}

TEST(update, nothing_takes_one_byte) {
  const layout parts = test::adapter();
  const std::vector<float> delta(parts.total(), 1.0F);
  update_plan plan;
  plan.segments.resize(parts.segments.size());
  const auto bytes = encode_update(delta.data(), nullptr, parts, plan);
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(*bytes, (std::vector<std::uint8_t>{0}));
  std::vector<float> values(parts.total(), 3.0F);
  ASSERT_TRUE(apply_update(*bytes, parts, values.data()).ok());
  EXPECT_EQ(values, std::vector<float>(parts.total(), 3.0F));
}

TEST(update, random_plans_add_what_the_formats_promise) {
  rng from(4);
  const layout parts = test::adapter();
  for (int round = 0; round < 400; ++round) {
    const auto delta = test::adapter_delta(parts, from);
    const update_plan plan = random_plan(parts, from);
    const auto bytes = encode_update(delta.data(), nullptr, parts, plan);
    ASSERT_TRUE(bytes.ok());
    const auto before = test::values(test::shape::uniform, delta.size(), from);
    auto after = before;
    ASSERT_TRUE(apply_update(*bytes, parts, after.data()).ok());

    const int exponent = update_exponent(delta.data(), parts);
    auto expected = before;
    for (std::size_t s = 0; s < parts.segments.size(); ++s) {
      const segment& part = parts.segments[s];
      const segment_plan& one = plan.segments[s];
      if (one.format == segment_format::skip) continue;
      const float* x = delta.data() + part.offset;
      // Reference: every value kept and in order is the dense case too.
      const std::size_t keep = one.format == segment_format::dense ? part.count : one.keep;
      std::vector<std::pair<float, std::uint32_t>> ranked;
      for (std::uint32_t i = 0; i < part.count; ++i) ranked.emplace_back(-std::fabs(x[i]), i);
      std::sort(ranked.begin(), ranked.end());
      std::vector<std::uint32_t> at;
      for (std::size_t i = 0; i < keep; ++i) at.push_back(ranked[i].second);
      std::sort(at.begin(), at.end());
      std::vector<float> kept;
      for (const auto i : at) kept.push_back(x[i]);
      std::vector<float> decoded(keep);
      reconstruct_groups(kept.data(), keep, one.groups(), exponent, decoded.data());
      for (std::size_t i = 0; i < keep; ++i) expected[part.offset + at[i]] += decoded[i];
    }
    ASSERT_EQ(hash_values(after.data(), after.size()), hash_values(expected.data(), expected.size())) << round;
  }
}

TEST(update, cut_anywhere_it_is_refused_and_changes_nothing) {
  rng from(5);
  const layout parts = test::adapter();
  for (int round = 0; round < 12; ++round) {
    const auto delta = test::adapter_delta(parts, from);
    const auto bytes = encode_update(delta.data(), nullptr, parts, random_plan(parts, from));
    ASSERT_TRUE(bytes.ok());
    const auto before = test::values(test::shape::uniform, delta.size(), from);
    for (std::size_t cut = 0; cut < bytes->size(); ++cut) {
      auto values = before;
      // A copy of its own, so that a sanitizer sees a read past the cut.
      const std::vector<std::uint8_t> some(bytes->begin(), bytes->begin() + static_cast<std::ptrdiff_t>(cut));
      ASSERT_FALSE(apply_update(some, parts, values.data()).ok()) << cut << " of " << bytes->size();
      ASSERT_EQ(values, before);
    }
    auto longer = *bytes;
    longer.push_back(0);
    auto values = before;
    EXPECT_FALSE(apply_update(longer, parts, values.data()).ok());
    EXPECT_EQ(values, before);
  }
}

TEST(update, flipped_or_random_bytes_never_do_harm) {
  rng from(6);
  const layout parts = test::adapter();
  std::size_t refused = 0;
  for (int round = 0; round < 3000; ++round) {
    const auto delta = test::adapter_delta(parts, from);
    auto bytes = *encode_update(delta.data(), nullptr, parts, random_plan(parts, from));
    for (std::uint64_t flips = 1 + from.below(4); flips > 0; --flips) {
      auto& byte = bytes[from.below(std::min<std::uint64_t>(bytes.size(), from.chance(0.5) ? 16 : bytes.size()))];
      byte = static_cast<std::uint8_t>(byte ^ (1U << from.below(8)));
    }
    if (from.chance(0.1)) {
      for (auto& byte : bytes) byte = static_cast<std::uint8_t>(from.next());
      bytes[0] = static_cast<std::uint8_t>(from.below(4));
    }
    const auto before = test::values(test::shape::uniform, parts.total(), from);
    auto values = before;
    if (!apply_update(bytes, parts, values.data()).ok()) {
      ++refused;
      ASSERT_EQ(values, before);
    }
  }
  EXPECT_GT(refused, 500U);
}

TEST(update, headers_that_lie_are_refused) {
  const layout parts = two_segments();
  std::vector<float> values(12, 1.0F);
  const auto code = [&](std::vector<std::uint8_t> bytes) {
    const auto applied = apply_update(bytes, parts, values.data());
    EXPECT_EQ(values, std::vector<float>(12, 1.0F));
    return applied.err().code;
  };
  EXPECT_EQ(code({}), errc::truncated);
  EXPECT_EQ(code({9}), errc::unsupported);
  EXPECT_EQ(code({0, 0}), errc::corrupt);
  EXPECT_EQ(code({1, 0, 0}), errc::corrupt);                          // no segment
  EXPECT_EQ(code({1, 0, 3}), errc::corrupt);                          // more than there are
  EXPECT_EQ(code({1, 0x80, 1}), errc::corrupt);                       // exponent -128
  EXPECT_EQ(code({1, 61, 1}), errc::corrupt);                         // exponent 61
  EXPECT_EQ(code({1, 0, 1, 2}), errc::corrupt);                       // third segment of two
  EXPECT_EQ(code({1, 0, 1, 0, 0x43}), errc::corrupt);                 // format 4
  EXPECT_EQ(code({1, 0, 1, 0, 0x03}), errc::corrupt);                 // format skip
  EXPECT_EQ(code({1, 0, 1, 0, 0x16}), errc::corrupt);                 // seventh bit choice
  EXPECT_EQ(code({1, 0, 1, 0, 0x13, 14}), errc::corrupt);             // group code
  EXPECT_EQ(code({1, 0, 1, 0, 0x10, 0, 0, 0x7c, 0}), errc::corrupt);  // infinite scale
  EXPECT_EQ(code({2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x28}), errc::too_large);
  EXPECT_EQ(code({2, 20, 1, 2, 3}), errc::corrupt);  // not zstd
  EXPECT_EQ(code({3, 1, 2, 3}), errc::corrupt);
}

TEST(update, refuses_to_encode_what_is_not_a_delta) {
  const layout parts = two_segments();
  std::vector<float> delta(12, 0.5F);
  update_plan plan;
  plan.segments.assign(2, {segment_format::dense, 4, 64, 0});
  EXPECT_TRUE(encode_update(delta.data(), nullptr, parts, plan).ok());
  for (const float bad : {std::nanf(""), INFINITY, 1e23F}) {
    delta[7] = bad;
    EXPECT_EQ(encode_update(delta.data(), nullptr, parts, plan).err().code, errc::invalid_argument);
  }
  delta[7] = 0;
  plan.segments[1] = {segment_format::sparse, 4, 64, 9};
  EXPECT_EQ(encode_update(delta.data(), nullptr, parts, plan).err().code, errc::invalid_argument);
  plan.segments[1] = {segment_format::dense, 5, 64, 0};
  EXPECT_EQ(encode_update(delta.data(), nullptr, parts, plan).err().code, errc::invalid_argument);
  plan.segments.pop_back();
  EXPECT_EQ(encode_update(delta.data(), nullptr, parts, plan).err().code, errc::invalid_argument);
}

TEST(update, the_largest_and_least_deltas_travel) {
  layout parts;
  parts.append("a", 1, 2);
  for (const float peak : {largest_delta, 1.0F, 1e-30F}) {
    const std::vector<float> delta{peak, -peak / 2};
    for (const unsigned bits : {2U, 3U, 4U, 8U, 16U}) {
      update_plan plan;
      plan.segments.assign(1, {segment_format::dense, bits, 64, 0});
      std::vector<float> values(2, 0.0F);
      ASSERT_TRUE(apply_update(*encode_update(delta.data(), nullptr, parts, plan), parts, values.data()).ok());
      EXPECT_NEAR(static_cast<double>(values[0] / peak), 1.0, 0.2) << bits;
      EXPECT_NEAR(static_cast<double>(values[1] / peak), -0.5, 0.2) << bits;
    }
  }
}

TEST(update, zstd_is_used_only_where_it_pays) {
  layout parts;
  parts.append("a", 1, 20'000);
  std::vector<float> flat(20'000, 1.0F);
  rng from(3);
  const auto noise = test::values(test::shape::uniform, 20'000, from);
  update_plan plan;
  plan.segments.assign(1, {segment_format::dense, 8, 64, 0});
  const std::size_t plain = encode_update(flat.data(), nullptr, parts, plan)->size();
  plan.zstd_level = 3;
  const auto packed = *encode_update(flat.data(), nullptr, parts, plan);
  EXPECT_EQ(packed[0], 2);
  EXPECT_LT(packed.size(), plain / 50);
  const auto kept = *encode_update(noise.data(), nullptr, parts, plan);
  EXPECT_EQ(kept[0], 1);
  EXPECT_EQ(kept.size(), plain);
}

TEST(update, exact_updates_restore_every_bit) {
  rng from(8);
  const layout parts = test::adapter();
  auto base = test::values(test::shape::gauss, parts.total(), from);
  auto target = base;
  for (auto& v : target) v += test::draw(test::shape::heavy, from);
  target[3] = -0.0F;
  target[4] = std::nanf("");
  target[5] = 1e-42F;
  const auto bytes = encode_exact_update(base.data(), target.data(), parts);
  ASSERT_TRUE(bytes.ok());
  auto values = base;
  ASSERT_TRUE(apply_update(*bytes, parts, values.data()).ok());
  EXPECT_EQ(hash_values(values.data(), values.size()), hash_values(target.data(), target.size()));
  for (std::size_t cut = 0; cut < bytes->size(); ++cut) {
    values = base;
    ASSERT_FALSE(apply_update({bytes->data(), cut}, parts, values.data()).ok());
    ASSERT_EQ(values, base);
  }
}

}  // namespace
}  // namespace freshet::delta

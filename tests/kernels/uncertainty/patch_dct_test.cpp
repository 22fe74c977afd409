// Patches with loss: round trips within the step, the ceiling on bytes, noise that comes back in size,
// truncation at every byte, lies. And the coder below: against the entropy of what it codes.
#include "kernels/uncertainty/patch_dct.hpp"

#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/range_coder.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace freshet::uncertainty {
namespace {

using bytes = std::vector<std::uint8_t>;

// Shaded patches with an edge, and sensor noise of the given size: [count, channels, side, side].
bytes patches_of(rng& g, std::size_t count, std::size_t channels, std::size_t side, double noise) {
  bytes out;
  for (std::size_t p = 0; p < count; ++p) {
    const double base = g.uniform(60, 180), slope = g.uniform(-4, 4);
    const double edge = g.uniform(0, 2.0 * static_cast<double>(side));
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t y = 0; y < side; ++y) {
        for (std::size_t x = 0; x < side; ++x) {
          double v = base + slope * static_cast<double>(x) + 10.0 * static_cast<double>(c);
          if (static_cast<double>(x + y) > edge) v += 40;
          out.push_back(static_cast<std::uint8_t>(std::min(255.0, std::max(0.0, v + noise * g.normal()))));
        }
      }
    }
  }
  return out;
}

double rms_error(const bytes& a, const bytes& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

std::uint32_t total(const std::vector<std::uint32_t>& counts) {
  std::uint32_t all = 0;
  for (const auto n : counts) all += n;
  return all;
}

bytes must_encode(const bytes& patches, const std::vector<std::uint32_t>& counts, std::size_t token_bytes,
                  const dct_options& options) {
  auto coded = encode_dct(patches.data(), counts, token_bytes, options);
  EXPECT_TRUE(coded.ok());
  return coded.ok() ? *coded : bytes{};
}

TEST(range_coder, returns_what_was_put_for_any_bits) {
  rng g(1);
  for (int round = 0; round < 200; ++round) {
    const double p = g.uniform();
    const auto n = static_cast<std::size_t>(g.below(400));
    std::vector<bool> bits;
    for (std::size_t i = 0; i < n; ++i) bits.push_back(g.chance(p));
    range_encoder to;
    std::vector<adaptive_bit> contexts(3);
    for (std::size_t i = 0; i < n; ++i) {
      to.put(contexts[i % 3], bits[i]);
      if (i % 7 == 0) to.put_plain(static_cast<std::uint32_t>(i), 9);
    }
    const bytes coded = to.finish();
    range_decoder from(coded.data(), coded.size());
    contexts.assign(3, adaptive_bit{});
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_EQ(from.get(contexts[i % 3]), bits[i]);
      if (i % 7 == 0) {
        ASSERT_EQ(from.get_plain(9), i & 511);
      }
    }
    EXPECT_TRUE(from.at_end());
  }
}

// Carries run through long rows of 0xff: the certain bit that never comes keeps `low` near the top.
TEST(range_coder, carries_reach_back) {
  range_encoder to;
  adaptive_bit context;
  for (int i = 0; i < 64; ++i) to.put_plain(0xffffffffU, 32);
  for (int i = 0; i < 5000; ++i) to.put(context, i % 97 == 96);
  const bytes coded = to.finish();
  range_decoder from(coded.data(), coded.size());
  adaptive_bit again;
  for (int i = 0; i < 64; ++i) ASSERT_EQ(from.get_plain(32), 0xffffffffU);
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(from.get(again), i % 97 == 96) << i;
}

// Estimates that follow a change tremble a little where nothing changes: that is the price.
TEST(range_coder, is_within_five_percent_of_the_entropy) {
  for (const double p : {0.5, 0.2, 0.05, 0.01}) {
    rng g(7);
    constexpr std::size_t n = 200'000;
    range_encoder to;
    adaptive_bit context;
    std::size_t ones = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const bool bit = g.chance(p);
      ones += bit ? 1 : 0;
      to.put(context, bit);
    }
    const double q = static_cast<double>(ones) / n;
    const double entropy_bytes = n * -(q * std::log2(q) + (1 - q) * std::log2(1 - q)) / 8;
    EXPECT_LE(static_cast<double>(to.finish().size()), 1.05 * entropy_bytes + 8) << p;
  }
}

TEST(patch_dct, comes_back_within_the_step_for_all_shapes) {
  rng g(3);
  for (const std::size_t channels : {std::size_t{1}, std::size_t{3}}) {
    for (const std::size_t side : {1u, 2u, 5u, 8u, 14u, 16u, 32u}) {
      const std::vector<std::uint32_t> counts = {3, 0, 1, 5};
      const bytes patches = patches_of(g, total(counts), channels, side, 2.0);
      for (const double step : {2.0, 16.0}) {
        const bytes coded = must_encode(patches, counts, channels * side * side, {step, 1e9});
        const auto back = decode_dct(coded.data(), coded.size(), counts, channels * side * side);
        ASSERT_TRUE(back.ok()) << back.err().text();
        ASSERT_EQ(back->size(), patches.size());
        // A rotation keeps the error: each number is at most 0.58 steps off, twice that where noise was put
        // back, and then pixels are rounded.
        EXPECT_LE(rms_error(patches, *back), 0.6 * step + 0.6) << channels << " x " << side;
      }
    }
  }
}

TEST(patch_dct, any_bytes_survive) {
  rng g(5);
  for (int round = 0; round < 20; ++round) {
    bytes patches(4 * 192);
    for (auto& b : patches) b = g.chance(0.5) ? (g.chance(0.5) ? 255 : 0) : static_cast<std::uint8_t>(g.next());
    const bytes coded = must_encode(patches, {4}, 192, {2.0, 1e9});
    const auto back = decode_dct(coded.data(), coded.size(), {4}, 192);
    ASSERT_TRUE(back.ok());
    EXPECT_LE(rms_error(patches, *back), 1.8);
  }
}

TEST(patch_dct, keeps_to_its_ceiling_and_uses_what_it_may) {
  rng g(9);
  const std::vector<std::uint32_t> counts(8, 36);
  const bytes patches = patches_of(g, total(counts), 3, 8, 25.0);
  double last_error = 1e9;
  for (const double ceiling : {150.0, 300.0, 600.0, 1200.0}) {
    const bytes coded = must_encode(patches, counts, 192, {8.0, ceiling});
    EXPECT_LE(static_cast<double>(coded.size()), 8 * ceiling + 16);
    EXPECT_GE(static_cast<double>(coded.size()), 8 * ceiling * 0.6);
    const auto back = decode_dct(coded.data(), coded.size(), counts, 192);
    ASSERT_TRUE(back.ok());
    const double error = rms_error(patches, *back);
    EXPECT_LT(error, last_error);
    last_error = error;
  }
}

TEST(patch_dct, the_coarsest_step_is_used_where_nothing_fits) {
  rng g(29);
  const bytes patches = patches_of(g, 36, 3, 8, 25.0);
  for (const double finest : {2.0, 362.0, 400.0, 1e6}) {
    const bytes coded = must_encode(patches, {36}, 192, {finest, 1.0});
    const auto back = decode_dct(coded.data(), coded.size(), {36}, 192);
    ASSERT_TRUE(back.ok());
    EXPECT_LE(rms_error(patches, *back), 70) << finest;  // coarse, but the picture that it was
  }
}

// What a student trains on must be as noisy as what its device sees, even where noise costs too much
// to be sent.
TEST(patch_dct, noise_comes_back_in_size) {
  rng g(11);
  const auto energy = [](const bytes& patches) {  // of differences between neighbours
    double sum = 0;
    for (std::size_t i = 0; i < patches.size(); ++i) {
      if (i % 8 != 7) sum += std::pow(static_cast<double>(patches[i + 1]) - static_cast<double>(patches[i]), 2);
    }
    return sum / (static_cast<double>(patches.size()) * 7 / 8);
  };
  const std::vector<std::uint32_t> counts(4, 36);
  for (const double noise : {0.0, 15.0, 30.0}) {
    bytes patches(total(counts) * 192);
    for (auto& b : patches) b = static_cast<std::uint8_t>(std::min(255.0, std::max(0.0, 128 + noise * g.normal())));
    const bytes coded = must_encode(patches, counts, 192, {24.0, 120.0});
    const auto back = decode_dct(coded.data(), coded.size(), counts, 192);
    ASSERT_TRUE(back.ok());
    if (noise == 0) {
      EXPECT_EQ(energy(*back), 0);
    } else {
      EXPECT_NEAR(energy(*back) / energy(patches), 1.0, 0.35) << noise;
    }
  }
}

TEST(patch_dct, decodes_to_the_same_bytes_each_time) {
  rng g(13);
  const bytes patches = patches_of(g, 36, 3, 8, 20.0);
  const bytes coded = must_encode(patches, {36}, 192, {24.0, 200.0});
  EXPECT_EQ(*decode_dct(coded.data(), coded.size(), {36}, 192), *decode_dct(coded.data(), coded.size(), {36}, 192));
}

TEST(patch_dct, truncation_at_every_byte_is_seen) {
  rng g(17);
  const std::vector<std::uint32_t> counts = {7, 5};
  const bytes coded = must_encode(patches_of(g, 12, 3, 8, 6.0), counts, 192, {12.0, 1e9});
  for (std::size_t n = 0; n < coded.size(); ++n) {
    EXPECT_FALSE(decode_dct(coded.data(), n, counts, 192).ok()) << n << " of " << coded.size();
  }
  bytes longer = coded;
  longer.insert(longer.end(), 9, 1);
  EXPECT_FALSE(decode_dct(longer.data(), longer.size(), counts, 192).ok());
}

TEST(patch_dct, any_bytes_are_decoded_or_refused) {
  rng g(19);
  for (int round = 0; round < 3000; ++round) {
    bytes noise(3 + g.below(120));
    for (auto& b : noise) b = static_cast<std::uint8_t>(g.next());
    noise[0] = 3, noise[1] = 8, noise[2] = 8;
    const auto back = decode_dct(noise.data(), noise.size(), {2, 1}, 192);
    EXPECT_EQ(check_dct(noise.data(), noise.size(), {2, 1}, 192).ok(), back.ok());
    if (back.ok()) {
      EXPECT_EQ(back->size(), 3U * 192U);
    }
  }
  // One byte of a good stream is another: that gets deeper than noise does.
  for (const auto& [channels, side] : {std::pair<std::size_t, std::size_t>{1, 1}, {3, 8}, {3, 14}, {1, 32}}) {
    const std::size_t token_bytes = channels * side * side;
    const bytes coded = must_encode(patches_of(g, 6, channels, side, 8.0), {4, 2}, token_bytes, {6.0, 1e9});
    for (std::size_t i = 0; i < coded.size(); i += 1 + coded.size() / 300) {
      bytes other = coded;
      other[i] = static_cast<std::uint8_t>(other[i] ^ (1U << g.below(8)));
      const auto back = decode_dct(other.data(), other.size(), {4, 2}, token_bytes);
      EXPECT_EQ(check_dct(other.data(), other.size(), {4, 2}, token_bytes).ok(), back.ok());
      if (back.ok()) {
        EXPECT_EQ(back->size(), 6 * token_bytes);
      }
    }
  }
}

TEST(patch_dct, lies_are_refused) {
  rng g(23);
  const bytes coded = must_encode(patches_of(g, 4, 3, 8, 2.0), {4}, 192, {});
  EXPECT_FALSE(decode_dct(coded.data(), coded.size(), {3}, 192).ok());
  EXPECT_FALSE(decode_dct(coded.data(), coded.size(), {5}, 192).ok());
  EXPECT_FALSE(decode_dct(coded.data(), coded.size(), {4}, 64).ok());
  EXPECT_FALSE(decode_dct(coded.data(), coded.size(), {0}, 192).ok());
  EXPECT_EQ(decode_dct(coded.data(), coded.size(), {4}, 192, 100).err().code, errc::too_large);
  EXPECT_EQ(encode_dct(coded.data(), {1}, 7, {}).err().code, errc::unsupported);
  EXPECT_EQ(decode_dct(coded.data(), coded.size(), {1}, 7).err().code, errc::unsupported);
  EXPECT_TRUE(encode_dct(nullptr, {}, 192, {})->empty());
  EXPECT_TRUE(decode_dct(nullptr, 0, {0, 0}, 192)->empty());
}

}  // namespace
}  // namespace freshet::uncertainty

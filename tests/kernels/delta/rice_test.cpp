#include "kernels/delta/rice.hpp"

#include "kernels/base/rng.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace freshet::delta {
namespace {

std::vector<std::uint32_t> random_positions(double density, std::uint32_t limit, rng& from) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t at = 0; at < limit; ++at) {
    if (from.chance(density)) out.push_back(at);
  }
  return out;
}

// Geometric gaps by inversion, so that every density gets as many positions.
std::vector<std::uint32_t> geometric_positions(double density, std::size_t count, rng& from) {
  std::vector<std::uint32_t> out(count);
  std::uint32_t next = 0;
  for (auto& position : out) {
    position = next + static_cast<std::uint32_t>(std::log(1 - from.uniform()) / std::log(1 - density));
    next = position + 1;
  }
  return out;
}

std::vector<std::uint8_t> encoded(const std::vector<std::uint32_t>& positions, unsigned k) {
  std::vector<std::uint8_t> bytes;
  bit_writer out(bytes);
  rice_encode(positions, k, out);
  out.finish();
  return bytes;
}

// Entropy of a geometric gap, bits a position: H(p) / p.
double bound(double p) { return -(p * std::log2(p) + (1 - p) * std::log2(1 - p)) / p; }

TEST(rice, within_three_percent_of_entropy_and_as_published) {
  struct row {
    double density, published_bits, published_bound;
  };
  // methods.md 1.3 rule 4.
  const row table[] = {
      {0.2, 3.69, 3.61}, {0.1, 4.76, 4.69}, {0.05, 5.79, 5.73}, {0.01, 8.11, 8.08}, {0.001, 11.49, 11.41}};
  rng from(7);
  for (const row& one : table) {
    EXPECT_NEAR(bound(one.density), one.published_bound, 0.01);
    const auto positions = geometric_positions(one.density, 200'000, from);
    const double bits = 8.0 * static_cast<double>(encoded(positions, rice_best_k(positions)).size()) /
                        static_cast<double>(positions.size());
    EXPECT_NEAR(bits, one.published_bits, 0.015) << one.density;
    EXPECT_LE(bits, 1.03 * one.published_bound) << one.density;
  }
}

TEST(rice, within_three_percent_of_entropy_between_the_published_densities) {
  // Expectation over geometric gaps in closed form: E[gap >> k] = q^(2^k) / (1 - q^(2^k)).
  for (double p = 0.2; p > 0.0002; p *= 0.97) {
    double best = INFINITY;
    for (unsigned k = 0; k < 20; ++k) {
      const double tail = std::exp2(std::log2(1 - p) * std::exp2(k));
      best = std::min(best, 1.0 + k + tail / (1 - tail));
    }
    EXPECT_LE(best, 1.035 * bound(p)) << p;
  }
}

TEST(rice, best_k_is_the_best_of_all) {
  rng from(2);
  for (int round = 0; round < 300; ++round) {
    const auto limit = static_cast<std::uint32_t>(1 + from.below(3000));
    const auto positions = random_positions(std::exp(-from.uniform(0.0, 7.0)), limit, from);
    const std::uint64_t chosen = rice_bits(positions, rice_best_k(positions));
    for (unsigned k = 0; k <= rice_max_k; ++k) ASSERT_LE(chosen, rice_bits(positions, k));
  }
}

TEST(rice, round_trips_at_every_parameter) {
  rng from(3);
  for (unsigned k = 0; k <= rice_max_k; ++k) {
    for (const double density : {1.0, 0.5, 0.03, 0.002}) {
      const std::uint32_t limit = 4000;
      const auto positions = random_positions(density, limit, from);
      const auto bytes = encoded(positions, k);
      ASSERT_EQ(bytes.size(), (rice_bits(positions, k) + 7) / 8);
      bit_reader in(bytes);
      std::vector<std::uint32_t> back;
      ASSERT_TRUE(rice_decode(in, k, positions.size(), limit, back).ok());
      EXPECT_EQ(back, positions);
      EXPECT_EQ(in.bytes_used(), bytes.size());
    }
  }
}

TEST(rice, the_largest_positions_fit) {
  const std::vector<std::uint32_t> positions{0, 1, 4'294'967'293U, 4'294'967'294U};
  const unsigned k = 30;
  const auto bytes = encoded(positions, k);
  bit_reader in(bytes);
  std::vector<std::uint32_t> back;
  ASSERT_TRUE(rice_decode(in, k, 4, 4'294'967'295U, back).ok());
  EXPECT_EQ(back, positions);
}

TEST(rice, refuses_what_cannot_be) {
  const std::vector<std::uint32_t> positions{5, 90, 99};
  const auto bytes = encoded(positions, 3);
  std::vector<std::uint32_t> back;
  const auto decode = [&](byte_view view, unsigned k, std::uint64_t count, std::uint64_t limit) {
    bit_reader in(view);
    return rice_decode(in, k, count, limit, back);
  };
  EXPECT_TRUE(decode(bytes, 3, 3, 100).ok());
  EXPECT_EQ(decode(bytes, 3, 3, 99).err().code, errc::corrupt);
  EXPECT_EQ(decode(bytes, 3, 101, 100).err().code, errc::corrupt);
  EXPECT_EQ(decode(bytes, 32, 3, 100).err().code, errc::corrupt);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_EQ(decode({bytes.data(), cut}, 3, 3, 100).err().code, errc::truncated);
  }
}

}  // namespace
}  // namespace freshet::delta

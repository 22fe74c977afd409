// Lossless values piece by piece: larger than a piece, damaged anywhere, and never left half changed.
#include "kernels/delta/exact.hpp"

#include "kernels/base/rng.hpp"
#include "kernels/delta/compress.hpp"
#include "kernels/delta/half.hpp"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace freshet::delta {
namespace {

// Any bits are values, NaN too: compared as bits.
std::vector<float> drawn(std::size_t count, std::uint64_t seed, double changed, std::vector<float> from = {}) {
  rng draw(seed);
  std::vector<float> out = std::move(from);
  out.resize(count);
  for (float& v : out)
    if (draw.chance(changed)) v = float_of_bits(static_cast<std::uint32_t>(draw.next()));
  return out;
}
bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}
std::vector<std::uint8_t> encoded(const std::vector<float>& base, const std::vector<float>& values, int level = 3) {
  std::vector<std::uint8_t> out;
  const auto done = encode_exact(base.data(), values.data(), base.size(), level, [&](byte_view piece) -> result<void> {
    out.insert(out.end(), piece.data, piece.data + piece.size);
    return {};
  });
  EXPECT_TRUE(done.ok());
  return out;
}

TEST(exact, gives_every_bit_back_whatever_the_length) {
  // Around the length of a piece, 2^18, and short ones.
  for (const std::size_t n : {1U, 2U, 1000U, 262143U, 262144U, 262145U, 700001U}) {
    const auto base = drawn(n, 1, 1);
    const auto values = drawn(n, 2, 0.3, base);
    auto at_hand = base;
    ASSERT_TRUE(apply_exact(encoded(base, values), n, at_hand.data()).ok()) << n;
    EXPECT_TRUE(same(at_hand, values)) << n;
  }
}

// The planes as the header of exact.hpp says, packed in one piece: what older builds wrote.
TEST(exact, is_one_frame_of_byte_planes) {
  const auto base = drawn(5000, 3, 1);
  const auto values = drawn(5000, 4, 0.5, base);
  std::vector<std::uint8_t> planes;
  for (unsigned plane = 0; plane < 4; ++plane)
    for (std::size_t i = 0; i < base.size(); ++i)
      planes.push_back(static_cast<std::uint8_t>((float_bits(base[i]) ^ float_bits(values[i])) >> (8 * plane)));
  EXPECT_EQ(*zstd_unpack(encoded(base, values), planes.size()), planes);
  auto at_hand = base;
  ASSERT_TRUE(apply_exact(*zstd_pack(planes, 9), base.size(), at_hand.data()).ok());
  EXPECT_TRUE(same(at_hand, values));
}

TEST(exact, what_is_refused_half_way_leaves_the_values_as_they_were) {
  const std::size_t n = 400000;
  const auto base = drawn(n, 5, 1);
  const auto values = drawn(n, 6, 1);
  const auto whole = encoded(base, values);
  std::size_t refused = 0;
  rng draw(7);
  for (int i = 0; i < 40; ++i) {
    auto bytes = whole;
    bytes[static_cast<std::size_t>(draw.below(bytes.size()))] ^= static_cast<std::uint8_t>(1 + draw.below(255));
    if (i % 4 == 0) bytes.resize(static_cast<std::size_t>(draw.below(bytes.size())));
    auto at_hand = base;
    if (apply_exact(bytes, n, at_hand.data()).ok()) continue;  // raw blocks have no checksum: the artefact's hash sees it
    ++refused;
    ASSERT_TRUE(same(at_hand, base)) << i;
  }
  EXPECT_GE(refused, 10U);
  for (const std::size_t other : {n - 1, n + 1}) {
    auto at_hand = base;
    at_hand.resize(n + 1, 1.0F);
    const auto before = at_hand;
    EXPECT_FALSE(apply_exact(whole, other, at_hand.data()).ok()) << "of another length";
    EXPECT_TRUE(same(at_hand, before));
  }
}

// Frames of many blocks, where what stands behind the damage was fine, and what stands before it was already used.
TEST(exact, a_broken_block_at_the_end_takes_back_what_came_before) {
  const std::size_t n = 500000;
  const auto base = drawn(n, 8, 0.0);
  const auto values = drawn(n, 9, 0.2, base);
  auto bytes = encoded(base, values);
  std::size_t tried = 0;
  for (std::size_t back = 4; back < 4000; back += 211) {
    auto broken = bytes;
    broken[broken.size() - back] ^= 0xff;
    auto at_hand = base;
    if (apply_exact(broken, n, at_hand.data()).ok()) continue;
    ++tried;
    ASSERT_TRUE(same(at_hand, base)) << back;
  }
  EXPECT_GT(tried, 2U);
}

TEST(exact, a_sink_that_fails_ends_it) {
  const auto base = drawn(100000, 10, 0);
  const auto values = drawn(100000, 11, 1);
  const auto full = [](byte_view) -> result<void> { return {errc::io, "no room"}; };
  EXPECT_EQ(encode_exact(base.data(), values.data(), base.size(), 3, full).err().code, errc::io);
}

}  // namespace
}  // namespace freshet::delta

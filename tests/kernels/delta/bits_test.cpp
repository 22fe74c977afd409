#include "kernels/delta/bits.hpp"

#include "kernels/base/rng.hpp"

#include <gtest/gtest.h>

namespace freshet::delta {
namespace {

TEST(bits, the_first_bit_is_the_lowest_of_the_first_byte) {
  std::vector<std::uint8_t> bytes;
  bit_writer out(bytes);
  out.put(1, 1);
  out.put(0, 2);
  out.put(0x1f, 5);
  out.put_unary(2);
  out.finish();
  EXPECT_EQ(bytes, (std::vector<std::uint8_t>{0xf9, 0x04}));
}

TEST(bits, random_runs_come_back) {
  rng from(1);
  for (int round = 0; round < 200; ++round) {
    struct piece {
      bool unary;
      unsigned count;
      std::uint64_t value;
    };
    std::vector<piece> pieces;
    std::vector<std::uint8_t> bytes;
    bit_writer out(bytes);
    std::uint64_t bits = 0;
    for (std::uint64_t i = from.below(200); i > 0; --i) {
      const bool unary = from.chance(0.3);
      const auto count = static_cast<unsigned>(from.below(58));
      const std::uint64_t value = unary ? from.below(200) : from.next() & ((std::uint64_t{1} << count) - 1);
      pieces.push_back({unary, count, value});
      if (unary) {
        out.put_unary(value);
      } else {
        out.put(value, count);
      }
      bits += unary ? value + 1 : count;
    }
    out.finish();
    ASSERT_EQ(bytes.size(), (bits + 7) / 8);
    bit_reader in(bytes);
    for (const auto& one : pieces) {
      std::uint64_t value = 0;
      ASSERT_TRUE(one.unary ? in.get_unary(200, value) : in.get(one.count, value));
      ASSERT_EQ(value, one.value);
    }
    EXPECT_EQ(in.bytes_used(), bytes.size());
    EXPECT_TRUE(in.padding_is_zero());
  }
}

TEST(bits, whole_words_at_any_offset) {
  for (unsigned offset = 0; offset < 64; ++offset) {
    std::vector<std::uint8_t> bytes;
    bit_writer out(bytes);
    out.put(0, offset);
    out.put(0xdeadbeefcafef00dULL, 64);
    out.finish();
    bit_reader in(bytes);
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    ASSERT_TRUE(in.skip(offset) && in.get(32, low) && in.get(32, high));
    EXPECT_EQ(high << 32 | low, 0xdeadbeefcafef00dULL);
  }
}

TEST(bits, past_the_end_nothing_is_read_and_nothing_moves) {
  const std::vector<std::uint8_t> bytes{0x00, 0x80};
  bit_reader in(bytes);
  std::uint64_t value = 0;
  EXPECT_FALSE(in.get(17, value));
  EXPECT_FALSE(in.get_unary(14, value));
  ASSERT_TRUE(in.get_unary(15, value));
  EXPECT_EQ(value, 15U);
  EXPECT_FALSE(in.get(1, value));
  EXPECT_FALSE(in.get_unary(100, value));
  EXPECT_FALSE(bit_reader(byte_view()).get(1, value));
}

TEST(bits, set_padding_is_seen) {
  const std::vector<std::uint8_t> bytes{0x11};
  bit_reader in(bytes);
  ASSERT_TRUE(in.skip(4));
  EXPECT_FALSE(in.padding_is_zero());
  ASSERT_TRUE(in.skip(1));
  EXPECT_TRUE(in.padding_is_zero());
}

TEST(bytes, varints_have_one_form) {
  const auto written = [](std::uint64_t value) {
    byte_writer out;
    out.put_varint(value);
    return out.take();
  };
  EXPECT_EQ(written(0), (std::vector<std::uint8_t>{0}));
  EXPECT_EQ(written(300), (std::vector<std::uint8_t>{0xac, 0x02}));
  for (const std::uint64_t value :
       {std::uint64_t{127}, std::uint64_t{128}, std::uint64_t{1} << 35, ~std::uint64_t{0}}) {
    const auto bytes = written(value);
    EXPECT_EQ(bytes.size(), varint_bytes(value));
    byte_reader in(bytes);
    EXPECT_EQ(*in.get_varint("value"), value);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      EXPECT_EQ(byte_reader({bytes.data(), cut}).get_varint("value").err().code, errc::truncated);
    }
  }
  const std::vector<std::uint8_t> longer{0x80, 0x00};
  EXPECT_EQ(byte_reader(longer).get_varint("value").err().code, errc::corrupt);
  const std::vector<std::uint8_t> too_big{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
  EXPECT_EQ(byte_reader(too_big).get_varint("value").err().code, errc::corrupt);
}

}  // namespace
}  // namespace freshet::delta

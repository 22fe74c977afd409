#include "topology/wire/msgpack_reader.hpp"

#include "kernels/base/rng.hpp"

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <msgpack.hpp>

namespace freshet::topology {
namespace {

constexpr msgpack_reader::bounds wide{1U << 20U, 16};

std::vector<std::uint8_t> copy(const msgpack::sbuffer& packed) {
  std::vector<std::uint8_t> bytes(packed.size());
  std::memcpy(bytes.data(), packed.data(), packed.size());
  return bytes;
}

byte_view view(const std::vector<std::uint8_t>& bytes) { return {bytes.data(), bytes.size()}; }

/// Truth: where msgpack-cxx says that the first value of `bytes` ends; 0 when there is none.
std::size_t first_value_ends(const std::vector<std::uint8_t>& bytes) {
  struct quiet : msgpack::null_visitor {
    void parse_error(std::size_t, std::size_t) {}
    void insufficient_bytes(std::size_t, std::size_t) {}
  } visitor;
  std::size_t offset = 0;
  const bool ok = msgpack::parse(reinterpret_cast<const char*>(bytes.data()), bytes.size(), offset, visitor);
  return ok ? offset : 0;
}

TEST(msgpack_reader, skip_agrees_with_msgpack_cxx_on_any_bytes) {
  rng random(1);
  std::size_t values = 0;
  for (int round = 0; round < 200000; ++round) {
    std::vector<std::uint8_t> bytes(1 + random.below(12));
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random.next());
    if (random.chance(0.5)) bytes[0] = static_cast<std::uint8_t>(0x80 + random.below(0x60));  // containers, lengths
    msgpack_reader in(view(bytes), wide);
    const auto done = in.skip();
    const std::size_t end = first_value_ends(bytes);
    ASSERT_EQ(done.ok(), end > 0) << "round " << round << " tag " << int{bytes[0]};
    if (end == 0) continue;
    ASSERT_EQ(bytes.size() - in.left(), end) << "round " << round << " tag " << int{bytes[0]};
    ++values;
  }
  EXPECT_GT(values, 20000U);
}

TEST(msgpack_reader, integers_of_every_width_agree_with_msgpack_cxx) {
  std::vector<std::int64_t> edges;
  for (int bit = 0; bit < 63; ++bit) {
    for (const std::int64_t near : {-1, 0, 1}) {
      edges.push_back((std::int64_t{1} << bit) + near);
      edges.push_back(-(std::int64_t{1} << bit) + near);
    }
  }
  edges.push_back(std::numeric_limits<std::int64_t>::min());
  edges.push_back(std::numeric_limits<std::int64_t>::max());
  for (const std::int64_t value : edges) {
    msgpack::sbuffer packed;
    msgpack::pack(packed, value);
    const auto bytes = copy(packed);
    msgpack_reader in(view(bytes), wide);
    const auto got = in.signed_integer();
    ASSERT_TRUE(got.ok()) << value;
    EXPECT_EQ(*got, value);
    msgpack_reader unsigned_in(view(bytes), wide);
    const auto natural = unsigned_in.unsigned_integer();
    ASSERT_EQ(natural.ok(), value >= 0) << value;
    if (value >= 0) {
      EXPECT_EQ(*natural, static_cast<std::uint64_t>(value));
    }
  }
}

TEST(msgpack_reader, wider_than_needed_is_fine) {
  for (const std::vector<std::uint8_t>& five : {std::vector<std::uint8_t>{5},
                                                {0xcc, 5},
                                                {0xcd, 0, 5},
                                                {0xce, 0, 0, 0, 5},
                                                {0xcf, 0, 0, 0, 0, 0, 0, 0, 5},
                                                {0xd0, 5},
                                                {0xd1, 0, 5},
                                                {0xd2, 0, 0, 0, 5},
                                                {0xd3, 0, 0, 0, 0, 0, 0, 0, 5}}) {
    msgpack_reader as_unsigned(view(five), wide);
    EXPECT_EQ(as_unsigned.unsigned_integer().value(), 5U);
    msgpack_reader as_signed(view(five), wide);
    EXPECT_EQ(as_signed.signed_integer().value(), 5);
  }
}

TEST(msgpack_reader, lengths_of_every_width) {
  for (const std::size_t size : {0U, 1U, 15U, 16U, 31U, 32U, 255U, 256U, 65535U, 65536U}) {
    msgpack::sbuffer packed;
    msgpack::packer<msgpack::sbuffer> out(packed);
    const std::string text(size, 't');
    out.pack(text);
    out.pack_bin(static_cast<std::uint32_t>(size)).pack_bin_body(text.data(), static_cast<std::uint32_t>(size));
    out.pack_array(static_cast<std::uint32_t>(size));
    for (std::size_t i = 0; i < size; ++i) out.pack_nil();
    const auto bytes = copy(packed);
    msgpack_reader in(view(bytes), wide);
    EXPECT_EQ(in.text(1U << 20U).value(), text);
    EXPECT_EQ(in.binary(1U << 20U).value().size, size);
    EXPECT_EQ(in.enter_array().value(), size);
    for (std::size_t i = 0; i < size; ++i) ASSERT_TRUE(in.nil());
    EXPECT_EQ(in.left(), 0U);
  }
}

TEST(msgpack_reader, a_claim_is_checked_before_it_is_believed) {
  const std::vector<std::uint8_t> claim{0xdd, 0xff, 0xff, 0xff, 0xff};
  msgpack_reader in(view(claim), wide);
  EXPECT_EQ(in.enter_array().err().code, errc::truncated);

  std::vector<std::uint8_t> many{0xdc, 0x00, 0x20};
  many.insert(many.end(), 32, 0xc0);
  msgpack_reader few(view(many), {31, 16});
  EXPECT_EQ(few.skip().err().code, errc::too_large);
  msgpack_reader enough(view(many), {32, 16});
  EXPECT_TRUE(enough.skip().ok());

  std::vector<std::uint8_t> deep(17, 0x91);
  deep.push_back(0);
  msgpack_reader shallow(view(deep), {1000, 16});
  EXPECT_EQ(shallow.skip().err().code, errc::too_large);
  msgpack_reader deeper(view(deep), {1000, 17});
  EXPECT_TRUE(deeper.skip().ok());
}

}  // namespace
}  // namespace freshet::topology

#include "kernels/delta/layout.hpp"

#include "tests/kernels/delta/support.hpp"

#include <gtest/gtest.h>

namespace freshet::delta {
namespace {

TEST(layout, segments_lie_one_behind_the_other) {
  const layout parts = test::adapter();
  EXPECT_TRUE(parts.validate().ok());
  EXPECT_EQ(parts.segments[2].offset, 33U + 260U);
  EXPECT_EQ(parts.total(), 33U + 260U + 256U + 1U + 400U);
  EXPECT_EQ(layout{}.total(), 0U);
}

TEST(layout, hash_sees_name_shape_and_order) {
  layout ab;
  ab.append("a", 2, 3);
  ab.append("b", 1, 4);
  layout ba;
  ba.append("b", 1, 4);
  ba.append("a", 2, 3);
  layout turned;
  turned.append("a", 3, 2);
  turned.append("b", 1, 4);
  layout joined;
  joined.append("ab", 2, 3);
  joined.append("", 1, 4);
  EXPECT_NE(ab.hash(), ba.hash());
  EXPECT_NE(ab.hash(), turned.hash());
  EXPECT_NE(ab.hash(), joined.hash());
  layout again;
  again.append("a", 2, 3);
  again.append("b", 1, 4);
  EXPECT_EQ(ab.hash(), again.hash());
}

TEST(layout, refuses_holes_and_empty_segments) {
  layout parts = test::adapter();
  parts.segments[1].offset += 1;
  EXPECT_EQ(parts.validate().err().code, errc::shape_mismatch);
  layout empty;
  empty.append("nothing", 0, 5);
  EXPECT_EQ(empty.validate().err().code, errc::shape_mismatch);
  layout huge;
  huge.append("huge", 65536, 65536);
  EXPECT_EQ(huge.validate().err().code, errc::shape_mismatch);
}

TEST(layout, value_hash_is_xxh3_and_sees_every_bit) {
  // XXH3_64bits of no bytes, seed 0, as xxHash publishes it.
  EXPECT_EQ(hash_values(nullptr, 0).value, 0x2d06800538d394c2ULL);
  const std::vector<float> plus{1.0F, 0.0F};
  const std::vector<float> minus{1.0F, -0.0F};
  EXPECT_NE(hash_values(plus.data(), 2), hash_values(minus.data(), 2));
  EXPECT_NE(hash_values(plus.data(), 2), hash_values(plus.data(), 1));
}

}  // namespace
}  // namespace freshet::delta

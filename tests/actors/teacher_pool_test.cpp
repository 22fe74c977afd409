#include "actors/intake/teacher_pool.hpp"

#include <gtest/gtest.h>

namespace freshet::actors {
namespace teacher_pool_test {

const topology::address a{"cloud", "teacher-1"};
const topology::address b{"cloud", "teacher-2"};
const topology::address c{"lab", "teacher"};

std::size_t roomy(const topology::address&) { return 10; }

TEST(teacher_pool, spreads_leases_evenly) {
  teacher_pool pool({a, b, c});
  for (std::uint64_t lease = 1; lease <= 30; ++lease) ASSERT_TRUE(pool.give(lease, roomy).has_value());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(pool.out_at(i), 10U);
  // Whoever is quicker gets more.
  for (std::uint64_t lease = 2; lease <= 30; lease += 3) pool.take_back(lease);
  EXPECT_EQ(pool.out_at(1), 0U);
  EXPECT_EQ(pool.give(31, roomy), b);
}

TEST(teacher_pool, gives_a_late_lease_to_another_one) {
  teacher_pool pool({a, b});
  const auto first = pool.give(1, roomy);
  pool.give(2, roomy);
  pool.give(3, roomy);
  const auto second = pool.give(1, roomy);
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  EXPECT_EQ(pool.out_at(0) + pool.out_at(1), 3U);
  teacher_pool alone({a});
  EXPECT_EQ(alone.give(1, roomy), a);
  EXPECT_EQ(alone.give(1, roomy), a);
  EXPECT_EQ(alone.out_at(0), 1U);
}

TEST(teacher_pool, waits_for_room) {
  teacher_pool pool({a, b});
  const auto only_b = [](const topology::address& to) { return to == b ? std::size_t{1} : std::size_t{0}; };
  const auto nobody = [](const topology::address&) { return std::size_t{0}; };
  EXPECT_TRUE(pool.has_room(only_b));
  EXPECT_EQ(pool.give(1, only_b), b);
  EXPECT_EQ(pool.give(2, only_b), b);
  EXPECT_FALSE(pool.has_room(nobody));
  EXPECT_FALSE(pool.give(3, nobody).has_value());
  pool.take_back(99);   // of a former life
}

}  // namespace teacher_pool_test
}  // namespace freshet::actors

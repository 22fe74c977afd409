#include "actors/intake/lease_book.hpp"

#include <gtest/gtest.h>

namespace freshet::actors {
namespace {

using namespace std::chrono_literals;

struct lease_book_test : testing::Test {
  time_point start{};
  lease_book book{1, 10s};
  /// Opens a lease and confirms it `taken` later.
  void one_takes(duration taken) { EXPECT_TRUE(book.confirm(book.open({}, start), start + taken)); }
  duration first_wait() {
    const std::uint64_t lease = book.open({}, start);
    const duration wait = *book.next_deadline() - start;
    EXPECT_TRUE(book.drop(lease));
    return wait;
  }
};

TEST_F(lease_book_test, waits_as_asked_while_leases_are_confirmed_sooner) {
  EXPECT_EQ(first_wait(), 10s);
  one_takes(1s);
  EXPECT_EQ(first_wait(), 10s);
  one_takes(5s);
  EXPECT_EQ(first_wait(), 10s);
}

TEST_F(lease_book_test, waits_twice_as_long_as_a_slow_teacher_takes_and_forgets_that) {
  one_takes(30s);
  EXPECT_EQ(first_wait(), 60s);
  one_takes(8s);
  EXPECT_EQ(first_wait(), 2 * (30s - 30s / 8));
  for (int i = 0; i < 30; ++i) one_takes(1s);
  EXPECT_EQ(first_wait(), 10s);
}

TEST_F(lease_book_test, renewed_waits_double_and_none_is_longer_than_sixteen_times_the_setting) {
  one_takes(30s);
  const std::uint64_t lease = book.open({}, start);
  for (const auto wait : {120s, 160s, 160s}) {
    book.renew(lease, start);
    EXPECT_EQ(*book.next_deadline(), start + wait);
  }
  one_takes(3600s);
  EXPECT_TRUE(book.drop(lease));
  EXPECT_EQ(first_wait(), 160s) << "an hour's sleep of a distiller does not keep a dead teacher's work for two";
}

TEST_F(lease_book_test, what_ends_undone_tells_nothing) {
  const std::uint64_t lease = book.open({}, start);
  EXPECT_TRUE(book.drop(lease));
  EXPECT_FALSE(book.drop(lease));
  EXPECT_FALSE(book.confirm(lease, start + 3600s)) << "it is not out any more";
  EXPECT_EQ(first_wait(), 10s);
}

}  // namespace
}  // namespace freshet::actors

#include "actors/rt/latency_meter.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/rng.hpp"

namespace freshet::rt {
namespace {

TEST(latency_meter, agrees_with_a_sorted_list_within_its_buckets) {
  rng draw(7);
  latency_meter meter;
  std::vector<std::int64_t> all;
  duration total{0};
  for (int i = 0; i < 5000; ++i) {
    // From nanoseconds to minutes, evenly over the magnitudes.
    const auto ns = static_cast<std::int64_t>(std::exp(draw.uniform(0, std::log(1e11))));
    all.push_back(ns);
    total += duration(ns);
    meter.add(duration(ns));
  }
  std::sort(all.begin(), all.end());
  for (double q : {0.01, 0.25, 0.5, 0.9, 0.99, 1.0}) {
    const auto exact = static_cast<double>(all[static_cast<std::size_t>(std::ceil(q * 5000)) - 1]);
    const auto read = static_cast<double>(meter.quantile(q).count());
    EXPECT_GE(read, exact) << q;
    EXPECT_LE(read, exact * 1.25) << q;
  }
  EXPECT_EQ(meter.count(), 5000u);
  EXPECT_EQ(meter.total(), total);
  EXPECT_EQ(meter.maximum().count(), all.back());
}

TEST(latency_meter, is_zero_when_empty_and_takes_the_extremes) {
  latency_meter meter;
  EXPECT_EQ(meter.quantile(0.5), duration{0});
  meter.add(duration{-5});
  EXPECT_EQ(meter.maximum(), duration{0});
  meter.add(duration::max());
  EXPECT_EQ(meter.quantile(1.0), duration::max());
}

TEST(latency_meter, merges_and_tells_what_came_in_between) {
  rng draw(4);
  latency_meter first, second, both, meter;
  for (int i = 0; i < 2000; ++i) {
    const duration d(static_cast<std::int64_t>(std::exp(draw.uniform(0, 20))));
    (i % 3 == 0 ? first : second).add(d);
    both.add(d);
  }
  meter = first;
  meter.merge(second);
  EXPECT_EQ(meter.filled(), both.filled());
  EXPECT_EQ(meter.total(), both.total());
  EXPECT_EQ(meter.maximum(), both.maximum());
  const auto between = meter.since(first);
  ASSERT_TRUE(between.has_value());
  EXPECT_EQ(between->filled(), second.filled());
  EXPECT_EQ(between->count(), second.count());
  EXPECT_EQ(between->total(), second.total());
  EXPECT_GE(between->maximum(), second.maximum());
  EXPECT_LE(between->maximum(), second.maximum() * 5 / 4);
  // A meter that began anew has no such past.
  EXPECT_FALSE(first.since(second).has_value());
}

TEST(latency_meter, travels_as_its_filled_buckets) {
  latency_meter meter;
  for (int ns : {0, 1, 3, 4, 5, 900, 901, 1'000'000}) meter.add(duration(ns));
  const auto again = latency_meter::of(meter.filled(), meter.total(), meter.maximum());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->count(), 8u);
  EXPECT_EQ(again->quantile(0.5), meter.quantile(0.5));
  EXPECT_EQ(again->quantile(1), duration(1'000'000));
  EXPECT_FALSE(latency_meter::of({{256, 1}}, {}, {}).has_value());
}

}  // namespace
}  // namespace freshet::rt

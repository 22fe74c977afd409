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

}  // namespace
}  // namespace freshet::rt

// What the score tests share: odd sizes, random rows, and closeness with a named tolerance.
#pragma once

#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/lanes.hpp"

#include <cmath>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

namespace freshet::uncertainty {

/// Around the lane counts, primes, and beyond.
inline const std::vector<std::size_t> odd_widths = {1,  2,  3,  5,  7,  8,   15,  16,  17,  31,   32,   33,
                                                    47, 63, 64, 65, 97, 127, 128, 257, 385, 1000, 1023, 3077};

inline std::vector<instruction_set> instruction_sets() {
  std::vector<instruction_set> sets;
  for (instruction_set set : {instruction_set::baseline, instruction_set::avx2, instruction_set::avx512}) {
    if (set <= best_instruction_set()) sets.push_back(set);
  }
  return sets;
}

inline std::vector<float> normal_rows(rng& g, std::size_t count, double deviation = 1.0, double mean = 0.0) {
  std::vector<float> x(count);
  for (float& v : x) v = static_cast<float>(mean + deviation * g.normal());
  return x;
}

}  // namespace freshet::uncertainty

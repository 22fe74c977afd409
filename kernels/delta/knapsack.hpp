// Multiple-choice knapsack: at most one option of each item, total bytes within a budget, total
// gain large. Greedy on the concave hulls of the items' (bytes, gain) points, which is optimal for
// the relaxed problem up to one step (Sinha & Zoltners 1979; rate allocation: Shoham & Gersho
// 1988), then what still fits is filled in. Never worse than half the optimum, nor than the
// optimum less the largest hull step. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshet::delta {

struct rate_option {
  std::uint64_t bytes = 0;
  double gain = 0;  ///< what choosing it is worth; options without gain are never chosen
};

inline constexpr std::size_t no_option = static_cast<std::size_t>(-1);

/// Indices of the options on the upper concave hull from (0, 0), by rising bytes and gain; options
/// that exceed the budget by themselves are left out.
[[nodiscard]] std::vector<std::size_t> concave_hull(const std::vector<rate_option>& options,
                                                    std::uint64_t budget_bytes);

/// For each item the chosen option, or no_option.
[[nodiscard]] std::vector<std::size_t> choose_rates(const std::vector<std::vector<rate_option>>& items,
                                                    std::uint64_t budget_bytes);

}  // namespace freshet::delta

// The dynamic choice of DWC: which segments to send, in which format, at how many bits and which
// density, for the most benefit within a byte budget (methods.md 1.3 rule 3). Every option's size
// is exact and its benefit is measured by decoding it:
//
//   benefit = Σ importance × (Δ² - (Δ - decoded)²)       importance 1 when none is given
//
// Options of a segment: dense at 1, 2, 3, 4, 8 and 16 bits; the top 0.05 % to 30 % of its values
// by importance × Δ², at 1, 2, 4 and 8 bits, positions Rice-coded or as a bitmap, whichever is
// shorter. The choice among them is a multiple-choice knapsack (knapsack.hpp). Measuring is the
// dear part and is done once, so that several budgets can be tried on it.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/delta/knapsack.hpp"
#include "kernels/delta/layout.hpp"
#include "kernels/delta/plan.hpp"

#include <cstdint>
#include <vector>

namespace freshet::delta {

/// What every option of every segment costs and is worth. Immutable once measured.
class rate_table {
 public:
  /// Delta [total], importance [total] or null (finite, ≥ 0). Options that take more than
  /// `most_bytes` alone are left out.
  [[nodiscard]] static result<rate_table> measure(const float* delta, const float* importance, const layout& parts,
                                                  std::uint64_t most_bytes);
  /// A plan whose update takes at most `budget_bytes` before zstd; budget at least 1, the empty update.
  [[nodiscard]] update_plan plan_for(std::uint64_t budget_bytes) const;

 private:
  std::uint64_t overhead_bytes_ = 0;
  std::vector<std::vector<rate_option>> rates_;   // by segment
  std::vector<std::vector<segment_plan>> plans_;  // the plan of each rate
};

/// Measures and plans for one budget, at least 1.
[[nodiscard]] result<update_plan> choose_plan(const float* delta, const float* importance, const layout& parts,
                                              std::uint64_t budget_bytes);

}  // namespace freshet::delta

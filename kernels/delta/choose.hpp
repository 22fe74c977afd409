// The dynamic choice of DWC: which segments to send, in which format, at how many bits and which
// density, for the most benefit within a byte budget (methods.md 1.3 rule 3). Every option's size
// is exact and its benefit is measured by decoding it:
//
//   benefit = Σ importance × (Δ² - (Δ - decoded)²)       importance 1 when none is given
//
// Options of a segment: dense at 1, 2, 3, 4, 8 and 16 bits; the top 0.05 % to 30 % of its values
// by importance × Δ², at 1, 2, 4 and 8 bits, positions Rice-coded or as a bitmap, whichever is
// shorter. The choice among them is a multiple-choice knapsack (knapsack.hpp). Pure function.
#pragma once

#include <cstdint>

#include "kernels/base/result.hpp"
#include "kernels/delta/layout.hpp"
#include "kernels/delta/plan.hpp"

namespace freshet::delta {

/// Delta [total], importance [total] or null (finite, ≥ 0). The update encoded from the plan takes
/// at most `budget_bytes`, which must be at least 1 (the empty update).
[[nodiscard]] result<update_plan> choose_plan(const float* delta, const float* importance, const layout& parts,
                                              std::uint64_t budget_bytes);

}  // namespace freshet::delta

// A plan that keeps the top share of the whole set, wherever it lies. Pure function.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/delta/layout.hpp"
#include "kernels/delta/plan.hpp"

namespace freshet::delta {

/// Keeps ⌈share × total⌉ values of greatest worth (sparse_topk.hpp), fewer when the rest is worth
/// nothing; each segment gets `kept` with its own count, or is skipped when nothing of it is kept.
[[nodiscard]] result<update_plan> plan_top_share(const float* delta, const float* importance, const layout& parts,
                                                 double share, const segment_plan& kept);

}  // namespace freshet::delta

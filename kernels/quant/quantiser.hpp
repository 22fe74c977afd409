// From float weights to levels.
//
//   nearest   scale from the largest magnitude of a group, each weight to its nearest level
//   searched  4 bits only: of many scales, also negative ones (the range is one step longer downward),
//             the one with the least Σ_k c_k (w_k - ŵ_k)², where c_k says how much a column matters:
//             the mean square of what it is multiplied with (activation-aware, after arXiv 2306.00978)
//   gptq      searched scales; the error of each column is carried into the columns behind it so that
//             W X changes least (arXiv 2210.17323, eq. 2 and 3, columns in their order)
//
// Thread contract: pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/base/result.hpp"
#include "kernels/quant/packed_weight.hpp"

namespace freshet::quant {

/// w: f32 [out, in]. Error: corrupt where a weight is not finite, with its place; begins with `what`.
result<packed_weight> quantise_nearest(const float* w, const packed_shape& shape, std::string_view what);

/// `columns`: f32 [in], not negative, or null for all ones.
result<packed_weight> quantise_searched(const float* w, const packed_shape& shape, const float* columns,
                                        std::string_view what);

/// `upper`: f32 [in, in], the upper Cholesky factor U of the inverse of H = E[x xᵀ] (H⁻¹ = Uᵀ U);
/// `columns`: the diagonal of H. Errors: as above, and corrupt where U or H holds what no such matrix does.
result<packed_weight> quantise_gptq(const float* w, const packed_shape& shape, const float* columns,
                                    const float* upper, std::string_view what);

}  // namespace freshet::quant

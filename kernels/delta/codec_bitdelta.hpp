// `bitdelta`: the sign of every value and one scale, mean |Δ|, a segment (Liu et al. 2024, arXiv
// 2402.10193, eq. 3; without its later distillation of the scales, which needs the model). A fixed rate.
#pragma once

#include "kernels/delta/codec.hpp"

#include <memory>
#include <string_view>

namespace freshet::delta {

[[nodiscard]] std::unique_ptr<update_codec> make_bitdelta_codec();

}  // namespace freshet::delta

// `topk`: the top share of the whole set by importance × Δ², Rice-coded positions, values at few
// bits in groups of 64: the fixed-rate form of what `dwc` chooses from.
#pragma once

#include "kernels/delta/codec.hpp"

#include <memory>
#include <string_view>

namespace freshet::delta {

/// `share` of all values in (0, 1]; bits 1, 2, 3, 4, 8 or 16.
[[nodiscard]] std::unique_ptr<update_codec> make_topk_codec(double share, unsigned bits);

}  // namespace freshet::delta

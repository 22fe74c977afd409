// Every value at one number of bits: `none` (fp16, the plain adapter update that others are
// measured against), `dense8`, `dense4`, `dense2` with groups of 64. A fixed rate.
#pragma once

#include "kernels/delta/codec.hpp"

#include <memory>
#include <string_view>

namespace freshet::delta {

/// Bits 1, 2, 3, 4, 8 or 16. `name` must outlive the codec.
[[nodiscard]] std::unique_ptr<update_codec> make_dense_codec(std::string_view name, unsigned bits);

}  // namespace freshet::delta

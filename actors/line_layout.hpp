// The flat layout of a line's values, as the update codecs see them: one segment a tensor of the
// trainable set. Compressor, deployer, device and distiller all derive it here.
// Pure function; reads shapes only.
#pragma once

#include "kernels/delta/layout.hpp"
#include "kernels/model/trainable_set.hpp"

namespace freshet::actors {

/// A matrix [out, ...] has `out` rows, a vector is one row. Offsets equal those of the set.
[[nodiscard]] delta::layout layout_of(const model::trainable_set& set);

}  // namespace freshet::actors

// The builds of multiply(), one an instruction set. Internal to kernels/quant.
// Thread contract: as multiply().
#pragma once

#include "kernels/base/read_ahead.hpp"
#include "kernels/quant/product.hpp"

namespace freshet::quant {

#define FRESHET_QUANT_BUILD(name)                                                                             \
  void name(const packed_view& w, const quantised_rows& x, std::int64_t first, std::int64_t last, float* y,   \
            std::int64_t stride)
FRESHET_QUANT_BUILD(multiply_portable);
FRESHET_QUANT_BUILD(multiply_avx2);
FRESHET_QUANT_BUILD(multiply_avx512);
FRESHET_QUANT_BUILD(multiply_avx512_vnni);
#undef FRESHET_QUANT_BUILD

}  // namespace freshet::quant

#include "kernels/quant/product.hpp"

#include "kernels/base/check.hpp"
#include "kernels/quant/product_builds.hpp"

namespace freshet::quant {

void multiply(const packed_view& w, const quantised_rows& x, std::int64_t first, std::int64_t last, float* y,
              std::int64_t stride, instruction_set set) {
  FRESHET_ENSURE(x.blocks == w.shape.blocks(), "multiply: rows of another width than the weight");
  FRESHET_ENSURE(first >= 0 && first <= last && last <= w.shape.panels(), "multiply: panels out of range");
  switch (set) {
#if defined(__x86_64__)
    case instruction_set::avx2: return multiply_avx2(w, x, first, last, y, stride);
    case instruction_set::avx512: return multiply_avx512(w, x, first, last, y, stride);
    case instruction_set::avx512_vnni: return multiply_avx512_vnni(w, x, first, last, y, stride);
#endif
    default: return multiply_portable(w, x, first, last, y, stride);
  }
}

void multiply_reference(const packed_view& w, const quantised_rows& x, float* y, std::int64_t stride) {
  const packed_shape& s = w.shape;
  for (std::int64_t r = 0; r < x.rows; ++r) {
    for (std::int64_t o = 0; o < s.out; ++o) {
      float sum = 0;
      for (std::int64_t b = 0; b < x.blocks; ++b) {
        std::int32_t dot = 0;
        for (std::int64_t k = b * block_columns; k < (b + 1) * block_columns && k < s.in; ++k) {
          dot += x.steps[static_cast<std::size_t>(r * x.blocks * block_columns + k)] * step_at(w, o, k);
        }
        float part = static_cast<float>(dot);
        if (s.bits == 4) part = part * scale_at(w, o, b * block_columns / s.group);
        sum = sum + part * x.scales[static_cast<std::size_t>(r * x.blocks + b)];
      }
      y[r * stride + o] = s.bits == 8 ? sum * scale_at(w, o, 0) : sum;
    }
  }
}

}  // namespace freshet::quant

#include "kernels/quant/adapter.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/quant/target.hpp"

namespace freshet::quant {
namespace {

constexpr std::int64_t lanes = 16;

/// Rows [j, j + J) of `a` against one row of x.
template <int J>
FRESHET_QUANT_INLINE void dot_rows(const float* x, std::int64_t in, const float* a, float* h) {
  float sum[J][lanes] = {};
  std::int64_t k = 0;
  for (; k + lanes <= in; k += lanes) {
    for (int j = 0; j < J; ++j) {
      for (std::int64_t i = 0; i < lanes; ++i) sum[j][i] += x[k + i] * a[j * in + k + i];
    }
  }
  for (int j = 0; j < J; ++j) {
    for (std::int64_t i = 0; k + i < in; ++i) sum[j][i] += x[k + i] * a[j * in + k + i];
    for (std::int64_t width = lanes / 2; width > 0; width /= 2) {
      for (std::int64_t i = 0; i < width; ++i) sum[j][i] += sum[j][i + width];
    }
    h[j] = sum[j][0];
  }
}

FRESHET_QUANT_INLINE void down_body(const float* x, std::int64_t rows, std::int64_t in, std::int64_t stride,
                                    const float* a, std::int64_t rank, float* h) {
  for (std::int64_t r = 0; r < rows; ++r) {
    std::int64_t j = 0;
    for (; j + 4 <= rank; j += 4) dot_rows<4>(x + r * stride, in, a + j * in, h + r * rank + j);
    for (; j < rank; ++j) dot_rows<1>(x + r * stride, in, a + j * in, h + r * rank + j);
  }
}
FRESHET_QUANT_KERNEL(down, down_body,
                     (const float* x, std::int64_t rows, std::int64_t in, std::int64_t stride, const float* a,
                      std::int64_t rank, float* h),
                     (x, rows, in, stride, a, rank, h))

/// `turned` has room for [rank, 16].
FRESHET_QUANT_INLINE void finish_body(float* y, std::int64_t rows, std::int64_t stride, std::int64_t first,
                                      std::int64_t last, const layer_finish& with, float* turned) {
  const std::int64_t rank = with.h != nullptr ? with.rank : 0;
  for (std::int64_t o = first; o < last; o += lanes) {
    const std::int64_t n = std::min(lanes, last - o);
    float bias[lanes] = {};
    if (with.bias != nullptr) std::copy(with.bias + o, with.bias + o + n, bias);
    for (std::int64_t j = 0; j < rank; ++j) {
      for (std::int64_t i = 0; i < n; ++i) turned[j * lanes + i] = with.b[(o + i) * rank + j];
      for (std::int64_t i = n; i < lanes; ++i) turned[j * lanes + i] = 0;
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      float* to = y + r * stride + o;
      float value[lanes] = {};
      for (std::int64_t i = 0; i < n; ++i) value[i] = to[i];
      if (with.bias != nullptr) {
        for (std::int64_t i = 0; i < lanes; ++i) value[i] += bias[i];
      }
      if (rank > 0) {
        float up[lanes] = {};
        for (std::int64_t j = 0; j < rank; ++j) {
          const float h = with.h[r * rank + j];
          for (std::int64_t i = 0; i < lanes; ++i) up[i] += h * turned[j * lanes + i];
        }
        for (std::int64_t i = 0; i < lanes; ++i) value[i] += with.scale * up[i];
      }
      for (std::int64_t i = 0; i < n; ++i) to[i] = value[i];
    }
  }
}
FRESHET_QUANT_KERNEL(finish, finish_body,
                     (float* y, std::int64_t rows, std::int64_t stride, std::int64_t first, std::int64_t last,
                      const layer_finish& with, float* turned),
                     (y, rows, stride, first, last, with, turned))

}  // namespace

void adapter_down(const float* x, std::int64_t rows, std::int64_t in, std::int64_t stride, const float* a,
                  std::int64_t rank, float* h, instruction_set set) {
  pick_down(set)(x, rows, in, stride, a, rank, h);
}

void finish_rows(float* y, std::int64_t rows, std::int64_t stride, std::int64_t first, std::int64_t last,
                 const layer_finish& with, instruction_set set) {
  if (with.bias == nullptr && with.h == nullptr) return;
  std::vector<float> turned(static_cast<std::size_t>(lanes * (with.h != nullptr ? with.rank : 0)));
  pick_finish(set)(y, rows, stride, first, last, with, turned.data());
}

}  // namespace freshet::quant

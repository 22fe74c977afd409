#include "kernels/quant/adapter.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/quant/target.hpp"

namespace freshet::quant {
namespace {

constexpr std::int64_t lanes = 16;
constexpr std::int64_t panels_at_once = 16;

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

/// Outputs [o, o + n) of one row, h [rank] of it; `turned` [rank, 16] and `bias` [16] are theirs, zeros behind n. As a
/// vector by name: left to find it in loops over arrays, compilers vectorise over j, at a quarter of the speed.
FRESHET_QUANT_INLINE void finish_lanes(float* to, std::int64_t n, const float* h, std::int64_t rank, float scale,
                                       const float* bias, const float* turned) {
  using vector = float __attribute__((vector_size(lanes * sizeof(float))));
  vector value = {};
  std::memcpy(&value, to, static_cast<std::size_t>(n) * sizeof(float));
  vector w;
  if (bias != nullptr) {
    std::memcpy(&w, bias, sizeof w);
    value += w;
  }
  if (rank > 0) {
    vector up = {};
    for (std::int64_t j = 0; j < rank; ++j) {
      std::memcpy(&w, turned + j * lanes, sizeof w);
      up += h[j] * w;
    }
    value += scale * up;
  }
  std::memcpy(to, &value, static_cast<std::size_t>(n) * sizeof(float));
}

/// Some panels of all rows, then the next ones: what is written of a row lies together, and `turned`, with room for
/// [panels_at_once, rank + 1, 16], stays in the nearest cache.
FRESHET_QUANT_INLINE void finish_body(float* y, std::int64_t rows, std::int64_t stride, std::int64_t first,
                                      std::int64_t last, const layer_finish& with, float* turned) {
  const std::int64_t rank = with.h != nullptr ? with.rank : 0;
  const std::int64_t panel = (rank + 1) * lanes;
  for (std::int64_t begin = first; begin < last; begin += panels_at_once * lanes) {
    const std::int64_t end = std::min(last, begin + panels_at_once * lanes);
    float* t = turned;
    for (std::int64_t o = begin; o < end; o += lanes, t += panel) {
      const std::int64_t n = std::min(lanes, end - o);
      for (std::int64_t j = 0; j < rank; ++j) {
        for (std::int64_t i = 0; i < lanes; ++i) t[j * lanes + i] = i < n ? with.b[(o + i) * rank + j] : 0;
      }
      for (std::int64_t i = 0; i < lanes; ++i) t[rank * lanes + i] = i < n && with.bias != nullptr ? with.bias[o + i] : 0;
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* h = with.h + r * rank;
      float* to = y + r * stride + begin;
      t = turned;
      for (std::int64_t left = end - begin; left > 0; left -= lanes, to += lanes, t += panel) {
        const float* bias = with.bias != nullptr ? t + rank * lanes : nullptr;
        if (left >= lanes) {
          finish_lanes(to, lanes, h, rank, with.scale, bias, t);
        } else {
          finish_lanes(to, left, h, rank, with.scale, bias, t);
        }
      }
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
  const std::int64_t rank = with.h != nullptr ? with.rank : 0;
  std::vector<float> turned(static_cast<std::size_t>(panels_at_once * lanes * (rank + 1)));
  pick_finish(set)(y, rows, stride, first, last, with, turned.data());
}

}  // namespace freshet::quant

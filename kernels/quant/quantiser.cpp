#include "kernels/quant/quantiser.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace freshet::quant {
namespace {

struct grid {
  int lowest;
  int highest;
  explicit grid(int bits) : lowest(bits == 8 ? -127 : -8), highest(bits == 8 ? 127 : 7) {}
};

float step_of(float w, float per_scale, const grid& g) {
  constexpr float round_magic = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer, ties to even
  const float clamped = std::min(std::max(w * per_scale, static_cast<float>(g.lowest)), static_cast<float>(g.highest));
  return (clamped + round_magic) - round_magic;
}

/// Below the normal numbers 1 / scale is infinite: such a scale is none.
float inverse(float scale) { return std::fabs(scale) < std::numeric_limits<float>::min() ? 0 : 1 / scale; }

float nearest_scale(const float* w, std::int64_t n, int bits) {
  float most = 0;
  for (std::int64_t i = 0; i < n; ++i) most = std::max(most, std::fabs(w[i]));
  return round_scale(most / static_cast<float>(grid(bits).highest), bits);
}

/// Σ c (w - ŵ)² with that scale.
float error_of(const float* w, const float* columns, std::int64_t n, float scale, const grid& g) {
  const float per_scale = inverse(scale);
  float sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const float off = w[i] - step_of(w[i], per_scale, g) * scale;
    sum += (columns == nullptr ? 1.0F : columns[i]) * (off * off);
  }
  return sum;
}

float searched_scale(const float* w, const float* columns, std::int64_t n, int bits) {
  const float plain = nearest_scale(w, n, bits);
  if (bits == 8 || plain == 0) return plain;
  const grid g(bits);
  const float most = plain * static_cast<float>(g.highest);
  float best = plain;
  float least = error_of(w, columns, n, plain, g);
  const auto offer = [&](float scale) {
    const float rounded = round_scale(scale, bits);
    if (rounded == 0) return;
    const float found = error_of(w, columns, n, rounded, g);
    if (found < least) {
      least = found;
      best = rounded;
    }
  };
  // The extreme stands for 5 to 8.5 steps: beyond the last level it is clipped, and the rest gains.
  for (int tenths = 50; tenths <= 85; tenths += 2) {
    offer(most / (static_cast<float>(tenths) / 10));
    offer(-most / (static_cast<float>(tenths) / 10));
  }
  // With the levels found, the scale that fits them best.
  float up = 0;
  float down = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const float c = columns == nullptr ? 1.0F : columns[i];
    const float step = step_of(w[i], inverse(best), g);
    up += c * w[i] * step;
    down += c * step * step;
  }
  if (down > 0) offer(up / down);
  return best;
}

result<void> check_finite(const float* w, const packed_shape& s, std::string_view what) {
  for (std::int64_t i = 0; i < s.out * s.in; ++i) {
    if (!std::isfinite(w[i])) {
      return error{errc::corrupt, std::string(what) + ": the weight in row " + std::to_string(i / s.in) + ", column " +
                                      std::to_string(i % s.in) + " is not finite"};
    }
  }
  return {};
}

std::int64_t group_columns(const packed_shape& s) { return s.group == whole_row ? s.in : s.group; }

template <class Scale>
result<packed_weight> by_groups(const float* w, const packed_shape& s, std::string_view what, Scale scale_of) {
  FRESHET_TRY(check_finite(w, s, what));
  const grid g(s.bits);
  const std::int64_t n = group_columns(s);
  std::vector<std::int8_t> steps(static_cast<std::size_t>(s.out * s.in));
  std::vector<float> scales(static_cast<std::size_t>(s.out * s.groups()));
  for (std::int64_t row = 0; row < s.out; ++row) {
    for (std::int64_t group = 0; group < s.groups(); ++group) {
      const float* from = w + row * s.in + group * n;
      const float scale = scale_of(from, group * n, n);
      const float per_scale = inverse(scale);
      scales[static_cast<std::size_t>(row * s.groups() + group)] = scale;
      for (std::int64_t i = 0; i < n; ++i) {
        steps[static_cast<std::size_t>(row * s.in + group * n + i)] =
            static_cast<std::int8_t>(step_of(from[i], per_scale, g));
      }
    }
  }
  return pack(s, steps.data(), scales.data());
}

}  // namespace

result<packed_weight> quantise_nearest(const float* w, const packed_shape& shape, std::string_view what) {
  return by_groups(w, shape, what,
                   [&](const float* from, std::int64_t, std::int64_t n) { return nearest_scale(from, n, shape.bits); });
}

result<packed_weight> quantise_searched(const float* w, const packed_shape& shape, const float* columns,
                                        std::string_view what) {
  return by_groups(w, shape, what, [&](const float* from, std::int64_t first, std::int64_t n) {
    return searched_scale(from, columns == nullptr ? nullptr : columns + first, n, shape.bits);
  });
}

result<packed_weight> quantise_gptq(const float* w, const packed_shape& shape, const float* columns,
                                    const float* upper, std::string_view what) {
  FRESHET_TRY(check_finite(w, shape, what));
  const std::int64_t in = shape.in;
  for (std::int64_t k = 0; k < in; ++k) {
    if (!std::isfinite(upper[k * in + k]) || upper[k * in + k] <= 0 || !std::isfinite(columns[k]) || columns[k] < 0) {
      return error{errc::corrupt, std::string(what) + ": column " + std::to_string(k) +
                                      " of the calibration is no part of a positive definite matrix"};
    }
  }
  const grid g(shape.bits);
  const std::int64_t group = group_columns(shape);
  // Columns at once whose errors are carried on together, and rows that share the reading of U.
  constexpr std::int64_t batch_columns = 128;
  constexpr std::int64_t batch_rows = 32;
  std::vector<std::int8_t> steps(static_cast<std::size_t>(shape.out * in));
  std::vector<float> scales(static_cast<std::size_t>(shape.out * shape.groups()));
  std::vector<float> left(static_cast<std::size_t>(batch_rows * in));
  std::vector<float> off(static_cast<std::size_t>(batch_rows * batch_columns));
  for (std::int64_t first = 0; first < shape.out; first += batch_rows) {
    const std::int64_t rows = std::min(batch_rows, shape.out - first);
    std::copy(w + first * in, w + (first + rows) * in, left.begin());
    for (std::int64_t c = 0; c < in; c += batch_columns) {
      const std::int64_t end = std::min(in, c + batch_columns);
      for (std::int64_t r = 0; r < rows; ++r) {
        float* row = left.data() + r * in;
        const auto scale_row = static_cast<std::size_t>((first + r) * shape.groups());
        for (std::int64_t k = c; k < end; ++k) {
          // A row's only scale comes from the weights as they were given.
          if (k % group == 0) {
            const float* from = shape.group == whole_row ? w + (first + r) * in : row + k;
            scales[scale_row + static_cast<std::size_t>(k / group)] =
                searched_scale(from, columns + k, group, shape.bits);
          }
          const float scale = scales[scale_row + static_cast<std::size_t>(k / group)];
          const float step = step_of(row[k], inverse(scale), g);
          steps[static_cast<std::size_t>((first + r) * in + k)] = static_cast<std::int8_t>(step);
          const float* u = upper + k * in;
          const float e = (row[k] - step * scale) / u[k];
          off[static_cast<std::size_t>(r * batch_columns + k - c)] = e;
          // A group's scale is chosen when it begins, so what it holds must be up to date: groups never
          // reach over a batch (128 is a multiple of each).
          for (std::int64_t j = k + 1; j < end; ++j) row[j] -= e * u[j];
        }
      }
      for (std::int64_t k = c; k < end; ++k) {
        const float* u = upper + k * in;
        for (std::int64_t r = 0; r < rows; ++r) {
          const float e = off[static_cast<std::size_t>(r * batch_columns + k - c)];
          float* row = left.data() + r * in;
          for (std::int64_t j = end; j < in; ++j) row[j] -= e * u[j];
        }
      }
    }
  }
  return pack(shape, steps.data(), scales.data());
}

}  // namespace freshet::quant

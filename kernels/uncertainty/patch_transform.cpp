#include "kernels/uncertainty/patch_transform.hpp"

#include <array>
#include <cmath>

namespace freshet::uncertainty {
namespace {

/// The orthonormal DCT-II of N points: [frequency, point].
std::vector<float> cosines(std::size_t n) {
  std::vector<float> m(n * n);
  constexpr double pi = 3.141592653589793;
  for (std::size_t k = 0; k < n; ++k) {
    const double scale = std::sqrt((k == 0 ? 1.0 : 2.0) / static_cast<double>(n));
    for (std::size_t i = 0; i < n; ++i) {
      m[k * n + i] = static_cast<float>(
          scale * std::cos(pi * (static_cast<double>(i) + 0.5) * static_cast<double>(k) / static_cast<double>(n)));
    }
  }
  return m;
}

/// out = a · b, or a · bᵀ; all [n, n].
void multiply(const float* a, const float* b, bool transposed, std::size_t n, float* out) {
  for (std::size_t y = 0; y < n; ++y) {
    for (std::size_t x = 0; x < n; ++x) {
      float sum = 0;
      for (std::size_t k = 0; k < n; ++k) sum += a[y * n + k] * (transposed ? b[x * n + k] : b[k * n + x]);
      out[y * n + x] = sum;
    }
  }
}

}  // namespace

patch_transform::patch_transform(const patch_layout& layout)
    : channels(layout.channels),
      side(layout.height),
      area(side * side),
      basis_(cosines(side)),
      colours_(cosines(channels)),
      scratch_(2 * area) {
  for (std::size_t d = 1; d <= 2 * side - 2; ++d) {
    for (std::size_t y = 0; y < side; ++y) {
      if (d >= y && d - y < side) scan.push_back({y * side + (d - y), d});
    }
  }
  transposed_.resize(area);
  for (std::size_t k = 0; k < side; ++k) {
    for (std::size_t i = 0; i < side; ++i) transposed_[i * side + k] = basis_[k * side + i];
  }
}

void patch_transform::forward(const std::uint8_t* patch, float* coefficients) {
  for (std::size_t c = 0; c < channels; ++c) {
    float* plane = scratch_.data();
    for (std::size_t i = 0; i < area; ++i) {
      float sum = 0;
      for (std::size_t k = 0; k < channels; ++k) {
        sum += colours_[c * channels + k] * (static_cast<float>(patch[k * area + i]) - 128.0F);
      }
      plane[i] = sum;
    }
    float* half = scratch_.data() + area;
    multiply(basis_.data(), plane, false, side, half);
    multiply(half, basis_.data(), true, side, coefficients + c * area);
  }
}

void patch_transform::backward(const float* coefficients, std::uint8_t* patch) {
  std::array<std::vector<float>, most_channels> planes;
  for (std::size_t c = 0; c < channels; ++c) {
    planes[c].resize(area);
    float* half = scratch_.data();
    multiply(transposed_.data(), coefficients + c * area, false, side, half);
    multiply(half, basis_.data(), false, side, planes[c].data());
  }
  for (std::size_t k = 0; k < channels; ++k) {
    for (std::size_t i = 0; i < area; ++i) {
      float sum = 128.0F;
      for (std::size_t c = 0; c < channels; ++c) sum += colours_[c * channels + k] * planes[c][i];
      patch[k * area + i] = static_cast<std::uint8_t>(std::clamp(std::lround(sum), 0L, 255L));
    }
  }
}

}  // namespace freshet::uncertainty

#include "kernels/delta/scale_search.hpp"

#include "kernels/delta/half.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace freshet::delta {
namespace {

constexpr std::size_t lanes = 8;
// Added and taken away again, it rounds a small float to the nearest whole number.
constexpr float rounder = 0x1.8p23F;

float round_to_level(float x, float inverse, const group_grid& grid) {
  float t = x * inverse - grid.shift;
  t = t < grid.low ? grid.low : t;
  t = t > grid.high ? grid.high : t;
  return (t + rounder) - rounder;
}

struct fit {
  double along = 0;   // Σ x q
  double square = 0;  // Σ q²
  [[nodiscard]] double step() const { return square > 0 ? along / square : 0; }
  [[nodiscard]] double gain() const { return square > 0 && along > 0 ? along * along / square : 0; }
};

fit fit_at(const float* x, std::size_t count, const group_grid& grid) {
  const float inverse = 1.0F / grid.step;
  std::array<float, lanes> along{};
  std::array<float, lanes> square{};
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (std::size_t j = 0; j < lanes; ++j) {
      const float q = round_to_level(x[i + j], inverse, grid) + grid.shift;
      along[j] += x[i + j] * q;
      square[j] += q * q;
    }
  }
  fit out;
  for (std::size_t j = 0; j < lanes; ++j) {
    out.along += static_cast<double>(along[j]);
    out.square += static_cast<double>(square[j]);
  }
  for (; i < count; ++i) {
    const float q = round_to_level(x[i], inverse, grid) + grid.shift;
    out.along += static_cast<double>(x[i] * q);
    out.square += static_cast<double>(q * q);
  }
  return out;
}

struct magnitudes {
  float peak = 0;
  double sum = 0;
};

magnitudes measure(const float* x, std::size_t count) {
  std::array<float, lanes> peak{};
  std::array<float, lanes> sum{};
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (std::size_t j = 0; j < lanes; ++j) {
      const float m = std::fabs(x[i + j]);
      peak[j] = m > peak[j] ? m : peak[j];
      sum[j] += m;
    }
  }
  magnitudes out;
  for (std::size_t j = 0; j < lanes; ++j) {
    out.peak = std::max(out.peak, peak[j]);
    out.sum += static_cast<double>(sum[j]);
  }
  for (; i < count; ++i) {
    out.peak = std::max(out.peak, std::fabs(x[i]));
    out.sum += static_cast<double>(std::fabs(x[i]));
  }
  return out;
}

group_grid grid_with(float step, bool rise, unsigned bits) {
  const float low = -static_cast<float>(1U << (bits - 1));
  return {step, rise ? 0.5F : 0.0F, low, -low - 1.0F};
}

std::uint16_t stored(double step, bool rise, unsigned bits) {
  const std::uint16_t half = float_to_half(static_cast<float>(step));
  return rise && bits > 1 && half != 0 ? static_cast<std::uint16_t>(half | 0x8000U) : half;
}

}  // namespace

group_grid grid_of(std::uint16_t half_scale, unsigned bits) noexcept {
  const bool rise = bits == 1 || (half_scale & 0x8000U) != 0;
  return grid_with(half_to_float(half_scale & 0x7fffU), rise, bits);
}

std::uint16_t choose_scale(const float* x, std::size_t count, unsigned bits) {
  const auto [peak, sum] = measure(x, count);
  if (!(peak > 0)) return 0;
  if (bits == 1) return stored(2.0 * sum / static_cast<double>(count), true, bits);
  if (bits == 8) return stored(static_cast<double>(peak) / 127.0, false, bits);

  // Clipping pays the more the fewer the levels; a Lloyd step from the best start settles the rest.
  static constexpr std::array<float, 5> starts_2{1.0F, 0.8F, 0.62F, 0.48F, 0.36F};
  static constexpr std::array<float, 3> starts_3{1.0F, 0.8F, 0.62F};
  static constexpr std::array<float, 2> starts_4{1.0F, 0.82F};
  const float* starts = bits == 2 ? starts_2.data() : bits == 3 ? starts_3.data() : starts_4.data();
  const std::size_t many = bits == 2 ? starts_2.size() : bits == 3 ? starts_3.size() : starts_4.size();
  const float top = static_cast<float>((1U << bits) - 1) * 0.5F;

  double best_gain = 0;
  double best_step = 0;
  bool best_rise = false;
  for (const bool rise : {false, true}) {
    fit here;
    for (std::size_t s = 0; s < many; ++s) {
      const fit tried = fit_at(x, count, grid_with(starts[s] * peak / top, rise, bits));
      if (tried.gain() > here.gain()) here = tried;
    }
    if (!(here.gain() > 0)) continue;
    const fit refined = fit_at(x, count, grid_with(static_cast<float>(here.step()), rise, bits));
    if (refined.gain() > here.gain()) here = refined;
    if (here.gain() > best_gain) {
      best_gain = here.gain();
      best_step = here.step();
      best_rise = rise;
    }
  }
  return stored(best_step, best_rise, bits);
}

void assign_codes(const float* x, std::size_t count, const group_grid& grid, std::uint8_t* codes) {
  // A zero step sends every value to the level that is zero.
  const float inverse = grid.step > 0 ? 1.0F / grid.step : 0.0F;
  for (std::size_t i = 0; i < count; ++i) {
    codes[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(round_to_level(x[i], inverse, grid) - grid.low));
  }
}

}  // namespace freshet::delta

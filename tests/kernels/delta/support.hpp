// What the tests of kernels/delta share: values from several distributions, layouts, squared error.
#pragma once

#include "kernels/base/rng.hpp"
#include "kernels/delta/layout.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace freshet::delta::test {

enum class shape { gauss, heavy, uniform, mostly_zero, constant, one_sided, tiny, huge, zero };
inline constexpr shape all_shapes[] = {shape::gauss,       shape::heavy,    shape::uniform,
                                       shape::mostly_zero, shape::constant, shape::one_sided,
                                       shape::tiny,        shape::huge,     shape::zero};
inline constexpr std::size_t odd_sizes[] = {1, 2, 3, 7, 8, 9, 63, 64, 65, 127, 128, 129, 300, 1000};

inline float draw(shape kind, rng& from) {
  switch (kind) {
    case shape::gauss:
      return static_cast<float>(from.normal() * 1e-3);
    case shape::heavy:
      return static_cast<float>(from.normal() * std::exp(2.0 * from.normal()) * 1e-4);
    case shape::uniform:
      return static_cast<float>(from.uniform(-0.5, 0.5));
    case shape::mostly_zero:
      return from.chance(0.05) ? static_cast<float>(from.normal()) : 0.0F;
    case shape::constant:
      return -0.25F;
    case shape::one_sided:
      return static_cast<float>(from.uniform(0.1, 1.0));
    case shape::tiny:
      return static_cast<float>(from.normal() * 1e-20);
    case shape::huge:
      return static_cast<float>(from.normal() * 1e20);
    case shape::zero:
      return 0.0F;
  }
  return 0.0F;
}

inline std::vector<float> values(shape kind, std::size_t count, rng& from) {
  std::vector<float> out(count);
  for (auto& x : out) x = draw(kind, from);
  return out;
}

inline double squares(const std::vector<float>& x) {
  double sum = 0;
  for (const float v : x) sum += static_cast<double>(v) * static_cast<double>(v);
  return sum;
}

inline std::vector<float> difference(const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<float> out(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) out[i] = a[i] - b[i];
  return out;
}

/// A little adapter: norms, biases, low-rank pairs.
inline layout adapter() {
  layout out;
  out.append("norm.weight", 1, 33);
  out.append("q_proj.lora_A.weight", 4, 65);
  out.append("q_proj.lora_B.weight", 64, 4);
  out.append("bias", 1, 1);
  out.append("v_proj.lora_A.weight", 4, 100);
  return out;
}

/// A delta for it, of a different size in each segment, some of them zero.
inline std::vector<float> adapter_delta(const layout& parts, rng& from) {
  std::vector<float> out;
  for (const segment& part : parts.segments) {
    const double scale = from.chance(0.2) ? 0.0 : std::exp(from.uniform(-9.0, 0.0));
    for (std::uint64_t i = 0; i < part.count; ++i) out.push_back(static_cast<float>(from.normal() * scale));
  }
  return out;
}

}  // namespace freshet::delta::test

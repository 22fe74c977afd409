#include "kernels/uncertainty/finite.hpp"

#include <cstdint>
#include <cstring>

namespace freshet::uncertainty {
namespace {

constexpr std::uint32_t infinity_bits = 0x7f800000;

// Bits as integers: what is not finite has a magnitude of at least infinity's. The difference is
// negative for every fine value, so the sign bits are collected by one `and` a value, which
// compilers vectorise. `minus` is how much the bound moves for negative values: 1 lets minus infinity in.
bool all_below_infinity(const float* values, std::size_t count, std::uint32_t minus) {
  std::uint32_t negative = ~std::uint32_t{0};
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, values + i, sizeof bits);
    negative &= (bits & 0x7fffffff) - infinity_bits - ((bits >> 31) & minus);
  }
  return negative >> 31 != 0;
}

}  // namespace

bool all_finite(const float* values, std::size_t count) { return all_below_infinity(values, count, 0); }
bool all_logits(const float* values, std::size_t count) { return all_below_infinity(values, count, 1); }

}  // namespace freshet::uncertainty

// multiply() for any processor: sixteen lanes as arrays.
#include <cstdint>
#include <cstring>

#include "kernels/quant/product_builds.hpp"

namespace freshet::quant {
namespace {

#define FRESHET_ISA

struct ints {
  std::int32_t lane[panel_rows];
};
struct floats {
  float lane[panel_rows];
};

constexpr int tile_panels = 1;
constexpr int tile_rows = 2;

template <class Lane>
floats each(Lane lane) {
  floats v;
  for (int i = 0; i < panel_rows; ++i) v.lane[i] = lane(i);
  return v;
}
floats zero() { return floats{}; }
floats all(float x) {
  return each([&](int) { return x; });
}
floats load(const float* from) {
  return each([&](int i) { return from[i]; });
}
floats load_half(const std::uint8_t* from) {
  floats v;
  for (int i = 0; i < panel_rows; ++i) {
    std::uint16_t half = 0;
    std::memcpy(&half, from + 2 * i, sizeof half);
    const std::uint32_t word = static_cast<std::uint32_t>(half) << 16;
    std::memcpy(&v.lane[i], &word, sizeof word);
  }
  return v;
}
void store(float* to, const floats& v) { std::memcpy(to, v.lane, sizeof v.lane); }
floats to_floats(const ints& v) {
  return each([&](int i) { return static_cast<float>(v.lane[i]); });
}
floats add(const floats& a, const floats& b) {
  return each([&](int i) { return a.lane[i] + b.lane[i]; });
}
floats mul(const floats& a, const floats& b) {
  return each([&](int i) { return a.lane[i] * b.lane[i]; });
}
ints all_ints(std::int32_t x) {
  ints v;
  for (std::int32_t& lane : v.lane) lane = x;
  return v;
}

template <int Bits, int P, int T>
void block(const std::uint8_t* const (&q)[P], const std::int8_t* const (&a)[T], ints (&dot)[P][T]) {
  constexpr int columns_a_step = 32 / Bits;
  for (int p = 0; p < P; ++p) {
    for (int t = 0; t < T; ++t) {
      for (int k = 0; k < block_columns / columns_a_step; ++k) {
        const std::uint8_t* bytes = q[p] + k * panel_rows * 4;
        const std::int8_t* steps = a[t] + k * columns_a_step;
        for (int i = 0; i < panel_rows; ++i) {
          for (int j = 0; j < 4; ++j) {
            const int byte = bytes[4 * i + j];
            dot[p][t].lane[i] += Bits == 8 ? byte * steps[j] : (byte & 0x0F) * steps[j] + (byte >> 4) * steps[4 + j];
          }
        }
      }
    }
  }
}

#include "kernels/quant/product_tiles.inc"

}  // namespace

void multiply_portable(const packed_view& w, const quantised_rows& x, std::int64_t first, std::int64_t last, float* y,
                       std::int64_t stride) {
  multiply_all(w, x, first, last, y, stride);
}

}  // namespace freshet::quant

#include "kernels/quant/packed_weight.hpp"

#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "kernels/base/check.hpp"

namespace freshet::quant {
namespace {

constexpr std::int64_t most_columns = std::int64_t{1} << 24;
constexpr std::int64_t most_rows = std::int64_t{1} << 24;

std::string text_of(const std::vector<std::int64_t>& dims) {
  std::string out = "[";
  for (const std::int64_t d : dims) out += (out.size() > 1 ? ", " : "") + std::to_string(d);
  return out + "]";
}

/// Where a level's byte is.
std::size_t byte_of(const packed_shape& s, std::int64_t row, std::int64_t column) noexcept {
  const std::int64_t per_byte = 8 / s.bits;
  const std::int64_t step = 4 * per_byte;
  const std::int64_t panel = row / panel_rows;
  const std::int64_t at = panel * s.panel_bytes() + (column / step) * (panel_rows * 4) + (row % panel_rows) * 4 + column % 4;
  return static_cast<std::size_t>(at);
}

bool in_high_half(const packed_shape& s, std::int64_t column) noexcept { return s.bits == 4 && column % 8 >= 4; }

std::size_t scale_index(const packed_shape& s, std::int64_t row, std::int64_t group) noexcept {
  return static_cast<std::size_t>((row / panel_rows * s.groups() + group) * panel_rows + row % panel_rows);
}

std::uint16_t bf16_bits(float value) noexcept {
  std::uint32_t word = 0;
  std::memcpy(&word, &value, sizeof word);
  return static_cast<std::uint16_t>(word >> 16);
}

float of_bf16(std::uint16_t bits) noexcept {
  const std::uint32_t word = static_cast<std::uint32_t>(bits) << 16;
  float value = 0;
  std::memcpy(&value, &word, sizeof value);
  return value;
}

}  // namespace

std::vector<std::int64_t> packed_shape::q_dims() const {
  return {panels(), padded_in() * bits / 32, panel_rows, 4};
}

std::vector<std::int64_t> packed_shape::scale_dims() const {
  if (bits == 8) return {panels(), panel_rows};
  return {panels(), groups(), panel_rows};
}

result<packed_shape> make_packed_shape(std::int64_t out, std::int64_t in, int bits, std::int64_t group,
                                       std::string_view what) {
  const std::string name(what);
  if (out < 1 || in < 1 || out > most_rows || in > most_columns) {
    return error{errc::invalid_argument, name + ": a matrix of " + std::to_string(out) + " by " + std::to_string(in) +
                                             "; both must lie in 1 to " + std::to_string(most_rows)};
  }
  if (bits != 8 && bits != 4) {
    return error{errc::unsupported, name + ": " + std::to_string(bits) + " bits, must be 8 or 4"};
  }
  if (bits == 8 && group != whole_row) {
    return error{errc::invalid_argument, name + ": a group of " + std::to_string(group) +
                                             " columns with 8 bits, which have one scale a row (-1)"};
  }
  if (bits == 4 && group != 32 && group != 64 && group != 128) {
    return error{errc::invalid_argument,
                 name + ": a group of " + std::to_string(group) + " columns, must be 32, 64 or 128 with 4 bits"};
  }
  if (bits == 4 && in % group != 0) {
    return error{errc::invalid_argument,
                 name + ": a group of " + std::to_string(group) + " does not divide its " + std::to_string(in) + " columns"};
  }
  return packed_shape{out, in, bits, group};
}

result<packed_weight> adopt_packed(host_tensor q, host_tensor scales, std::int64_t out, std::int64_t in,
                                   std::string_view what) {
  const std::string name(what);
  const auto wrong = [&](const std::string& why) { return error{errc::shape_mismatch, name + ": " + why}; };
  if (q.type() != dtype::u8 || q.shape().size() != 4) {
    return wrong("levels are " + std::string(freshet::name(q.type())) + " " + text_of(q.shape()) + ", must be u8 in four dimensions");
  }
  packed_shape shape{out, in, 8, whole_row};
  if (q.shape() != shape.q_dims()) {
    shape.bits = 4;
    const bool grouped = scales.shape().size() == 3 && scales.shape()[1] > 0 && in % scales.shape()[1] == 0;
    shape.group = grouped ? in / scales.shape()[1] : block_columns;
  }
  FRESHET_TRY_ASSIGN(shape, make_packed_shape(shape.out, shape.in, shape.bits, shape.group, what));
  if (q.shape() != shape.q_dims()) {
    const packed_shape wide{out, in, 8, whole_row};
    return wrong("levels " + text_of(q.shape()) + " of a matrix " + text_of({out, in}) + ", must be " +
                 text_of(wide.q_dims()) + " (8 bits) or " + text_of(shape.q_dims()) + " (4 bits)");
  }
  if (scales.type() != shape.scale_type() || scales.shape() != shape.scale_dims()) {
    return wrong("scales are " + std::string(freshet::name(scales.type())) + " " + text_of(scales.shape()) + ", must be " +
                 std::string(freshet::name(shape.scale_type())) + " " + text_of(shape.scale_dims()));
  }
  packed_weight made{shape, std::move(q), std::move(scales)};
  for (std::int64_t row = 0; row < out; ++row) {
    for (std::int64_t g = 0; g < shape.groups(); ++g) {
      if (!std::isfinite(scale_at(made.view(), row, g))) {
        return error{errc::corrupt, name + ": the scale of row " + std::to_string(row) + ", group " + std::to_string(g) +
                                        " is not finite"};
      }
    }
  }
  return made;
}

packed_weight pack(const packed_shape& shape, const std::int8_t* steps, const float* scales) {
  const int zero = shape.zero_point();
  const auto both = static_cast<std::uint8_t>(shape.bits == 8 ? zero : zero * 17);
  std::vector<std::uint8_t> q(static_cast<std::size_t>(shape.panels() * shape.panel_bytes()), both);
  std::vector<std::uint8_t> packed_scales(
      static_cast<std::size_t>(shape.panels() * shape.groups() * panel_rows) * item_bytes(shape.scale_type()), 0);
  for (std::int64_t row = 0; row < shape.out; ++row) {
    for (std::int64_t column = 0; column < shape.in; ++column) {
      const int level = steps[row * shape.in + column] + zero;
      FRESHET_ENSURE(level >= 0 && level < 2 * zero, "pack: a step number out of range");
      std::uint8_t& byte = q[byte_of(shape, row, column)];
      if (shape.bits == 8) {
        byte = static_cast<std::uint8_t>(level);
      } else if (in_high_half(shape, column)) {
        byte = static_cast<std::uint8_t>((byte & 0x0F) | (level << 4));
      } else {
        byte = static_cast<std::uint8_t>((byte & 0xF0) | level);
      }
    }
    for (std::int64_t g = 0; g < shape.groups(); ++g) {
      const float scale = scales[row * shape.groups() + g];
      const std::size_t at = scale_index(shape, row, g);
      FRESHET_ENSURE(round_scale(scale, shape.bits) == scale, "pack: a scale that the layout cannot hold");
      if (shape.bits == 8) {
        std::memcpy(packed_scales.data() + at * sizeof scale, &scale, sizeof scale);
      } else {
        const std::uint16_t half = bf16_bits(scale);
        std::memcpy(packed_scales.data() + at * sizeof half, &half, sizeof half);
      }
    }
  }
  auto owner = std::make_shared<std::vector<std::uint8_t>>(std::move(packed_scales));
  const void* data = owner->data();
  const std::size_t bytes = owner->size();
  auto held = host_tensor::adopt(shape.scale_type(), shape.scale_dims(), std::move(owner), data, bytes);
  FRESHET_ENSURE(held.ok(), "pack: scales and their shape agree");
  return {shape, host_tensor::of(std::move(q), shape.q_dims()), std::move(held).value()};
}

float round_scale(float scale, int bits) noexcept {
  if (bits == 8 || !std::isfinite(scale)) return scale;
  std::uint32_t word = 0;
  std::memcpy(&word, &scale, sizeof word);
  word += 0x7FFF + ((word >> 16) & 1);  // to nearest, ties to even
  return of_bf16(static_cast<std::uint16_t>(word >> 16));
}

float scale_at(const packed_view& w, std::int64_t row, std::int64_t group) noexcept {
  const std::size_t at = scale_index(w.shape, row, group);
  if (w.shape.bits == 8) {
    float scale = 0;
    std::memcpy(&scale, w.scales + at * sizeof scale, sizeof scale);
    return scale;
  }
  std::uint16_t half = 0;
  std::memcpy(&half, w.scales + at * sizeof half, sizeof half);
  return of_bf16(half);
}

int step_at(const packed_view& w, std::int64_t row, std::int64_t column) noexcept {
  const int byte = w.q[byte_of(w.shape, row, column)];
  if (w.shape.bits == 8) return byte - 128;
  return (in_high_half(w.shape, column) ? byte >> 4 : byte & 0x0F) - 8;
}

void dequantise_rows(const packed_view& w, std::int64_t first, std::int64_t count, float* out) {
  const std::int64_t in = w.shape.in;
  const std::int64_t group = w.shape.group == whole_row ? in : w.shape.group;
  const std::int64_t per_byte = 8 / w.shape.bits;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t row = first + i;
    const std::uint8_t* bytes = w.q + byte_of(w.shape, row, 0);
    float* to = out + i * in;
    for (std::int64_t g = 0; g < w.shape.groups(); ++g) {
      const float scale = scale_at(w, row, g);
      for (std::int64_t k = g * group; k < (g + 1) * group; ++k) {
        const int byte = bytes[k / (4 * per_byte) * (panel_rows * 4) + k % 4];
        const int step = per_byte == 1 ? byte - 128 : (k % 8 >= 4 ? byte >> 4 : byte & 0x0F) - 8;
        to[k] = static_cast<float>(step) * scale;
      }
    }
  }
}

}  // namespace freshet::quant

#include "kernels/delta/dense_groups.hpp"

#include "kernels/delta/half.hpp"
#include "kernels/delta/scale_search.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace freshet::delta {
namespace {

constexpr std::size_t block = 8;  // values that fill whole bytes at any number of bits

std::uint64_t code_bytes(std::uint64_t count, unsigned bits) { return (count * bits + 7) / 8; }

std::size_t group_length(std::size_t count, const group_spec& spec) { return spec.group == 0 ? count : spec.group; }

// Scaling by a power of two: exact, save for values 2^-86 times the largest and less.
float power_of_two(int exponent) { return std::ldexp(1.0F, exponent); }

template <unsigned Bits>
void pack(const std::uint8_t* codes, std::size_t count, std::uint8_t* out) {
  std::size_t i = 0;
  for (; i < count; i += block) {
    std::uint64_t word = 0;
    const std::size_t here = std::min(block, count - i);
    for (std::size_t j = 0; j < here; ++j) word |= std::uint64_t{codes[i + j]} << (Bits * j);
    const std::size_t bytes = static_cast<std::size_t>(code_bytes(here, Bits));
    std::memcpy(out, &word, bytes);
    out += bytes;
  }
}

void pack_codes(const std::uint8_t* codes, std::size_t count, unsigned bits, std::uint8_t* out) {
  switch (bits) {
    case 1:
      return pack<1>(codes, count, out);
    case 2:
      return pack<2>(codes, count, out);
    case 3:
      return pack<3>(codes, count, out);
    case 4:
      return pack<4>(codes, count, out);
    default:
      return pack<8>(codes, count, out);
  }
}

// A whole block of 8 codes from its `Bits` bytes.
template <unsigned Bits>
inline std::uint64_t load_block(const std::uint8_t* packed) {
  std::uint64_t word = 0;
  std::memcpy(&word, packed, Bits);
  return word;
}

template <unsigned Bits>
inline void unpack_word(std::uint64_t word, float offset, float step, std::size_t count, float* out) {
  constexpr std::uint64_t mask = (std::uint64_t{1} << Bits) - 1;
  for (std::size_t j = 0; j < count; ++j) {
    const auto code = static_cast<std::int32_t>((word >> (Bits * j)) & mask);
    out[j] = (static_cast<float>(code) - offset) * step;
  }
}

template <unsigned Bits>
void unpack_group(const std::uint8_t* packed, std::size_t count, float offset, float step, float* out) {
  std::size_t i = 0;
  for (; i + block <= count; i += block) {
    unpack_word<Bits>(load_block<Bits>(packed), offset, step, block, out + i);
    packed += Bits;
  }
  if (i < count) {
    std::uint64_t word = 0;
    std::memcpy(&word, packed, static_cast<std::size_t>(code_bytes(count - i, Bits)));
    unpack_word<Bits>(word, offset, step, count - i, out + i);
  }
}

template <unsigned Bits>
void unpack_groups(const std::uint8_t* scales, const std::uint8_t* packed, std::size_t count, std::size_t group,
                   float unit, float* out) {
  for (std::size_t begin = 0; begin < count; begin += group) {
    const std::size_t here = std::min(group, count - begin);
    std::uint16_t half = 0;
    std::memcpy(&half, scales, sizeof half);
    scales += sizeof half;
    const group_grid grid = grid_of(half, Bits);
    unpack_group<Bits>(packed, here, -grid.low - grid.shift, grid.step * unit, out + begin);
    packed += code_bytes(here, Bits);
  }
}

// Calls use(begin, length, half scale, codes) for each group of x / 2^exponent.
template <class Use>
void each_group(const float* x, std::size_t count, const group_spec& spec, int exponent, Use use) {
  const std::size_t group = group_length(count, spec);
  const float shrink = power_of_two(-exponent);
  std::vector<float> scaled(std::min(group, count));
  std::vector<std::uint8_t> codes(scaled.size());
  for (std::size_t begin = 0; begin < count; begin += group) {
    const std::size_t here = std::min(group, count - begin);
    for (std::size_t i = 0; i < here; ++i) scaled[i] = x[begin + i] * shrink;
    const std::uint16_t half = choose_scale(scaled.data(), here, spec.bits);
    assign_codes(scaled.data(), here, grid_of(half, spec.bits), codes.data());
    use(begin, here, half, codes.data());
  }
}

}  // namespace

bool valid(const group_spec& spec) noexcept {
  const unsigned b = spec.bits;
  const bool bits_fit = (b >= 1 && b <= 4) || b == 8 || b == 16;
  const bool power = (spec.group & (spec.group - 1)) == 0;
  return bits_fit && (spec.group == 0 || (power && spec.group >= 8 && spec.group <= 32768));
}

std::uint64_t group_count(std::uint64_t count, const group_spec& spec) noexcept {
  if (spec.bits == 16 || count == 0) return 0;
  return spec.group == 0 ? 1 : (count + spec.group - 1) / spec.group;
}

std::uint64_t groups_bytes(std::uint64_t count, const group_spec& spec) noexcept {
  return 2 * group_count(count, spec) + code_bytes(count, spec.bits);
}

int exponent_for(float peak) noexcept {
  if (!(peak > 0)) return 0;
  int exponent = 0;
  std::frexp(peak, &exponent);  // peak < 2^exponent
  return std::clamp(exponent - 14, min_exponent, max_exponent);
}

void encode_groups(const float* x, std::size_t count, const group_spec& spec, int exponent, byte_writer& out) {
  FRESHET_ENSURE(valid(spec), "bits 1, 2, 3, 4, 8 or 16 and a group of 0 or a power of two");
  std::uint8_t* at = out.grow(static_cast<std::size_t>(groups_bytes(count, spec)));
  if (spec.bits == 16) {
    const float shrink = power_of_two(-exponent);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint16_t half = float_to_half(x[i] * shrink);
      std::memcpy(at + 2 * i, &half, sizeof half);
    }
    return;
  }
  std::uint8_t* packed = at + 2 * group_count(count, spec);
  each_group(x, count, spec, exponent,
             [&](std::size_t, std::size_t here, std::uint16_t half, const std::uint8_t* codes) {
               std::memcpy(at, &half, sizeof half);
               at += sizeof half;
               pack_codes(codes, here, spec.bits, packed);
               packed += code_bytes(here, spec.bits);
             });
}

void reconstruct_groups(const float* x, std::size_t count, const group_spec& spec, int exponent, float* out) {
  const float unit = power_of_two(exponent);
  if (spec.bits == 16) {
    const float shrink = power_of_two(-exponent);
    for (std::size_t i = 0; i < count; ++i) out[i] = half_to_float(float_to_half(x[i] * shrink)) * unit;
    return;
  }
  each_group(x, count, spec, exponent,
             [&](std::size_t begin, std::size_t here, std::uint16_t half, const std::uint8_t* codes) {
               const group_grid grid = grid_of(half, spec.bits);
               const float offset = -grid.low - grid.shift;
               const float step = grid.step * unit;
               for (std::size_t i = 0; i < here; ++i) out[begin + i] = (static_cast<float>(codes[i]) - offset) * step;
             });
}

result<void> decode_groups(byte_reader& in, std::size_t count, const group_spec& spec, int exponent, float* out) {
  FRESHET_ENSURE(valid(spec), "the caller checks the group spec");
  const float unit = power_of_two(exponent);
  FRESHET_TRY_ASSIGN(const byte_view scales, in.get_bytes(2 * group_count(count, spec), "group scales"));
  FRESHET_TRY_ASSIGN(const byte_view packed, in.get_bytes(code_bytes(count, spec.bits), "group codes"));
  const byte_view halves = spec.bits == 16 ? packed : scales;
  for (std::size_t i = 0; i < halves.size; i += 2) {
    std::uint16_t half = 0;
    std::memcpy(&half, halves.data + i, sizeof half);
    const bool sign_fits = spec.bits == 2 || spec.bits == 3 || spec.bits == 4 || spec.bits == 16 || half < 0x8000U;
    if (!half_is_finite(half) || !sign_fits) {
      return {errc::corrupt, "fp16 pattern " + std::to_string(half) + " at " + std::to_string(i / 2) +
                                 "; a finite number belongs here, unsigned as a scale of 1 or 8 bits"};
    }
    if (spec.bits == 16) out[i / 2] = half_to_float(half) * unit;
  }
  if (spec.bits == 16) return {};
  const unsigned used = static_cast<unsigned>((count * spec.bits) % 8);
  if (used != 0 && (packed.data[packed.size - 1] >> used) != 0) {
    return {errc::corrupt, "padding bits behind the group codes are set"};
  }
  const std::size_t group = group_length(count, spec);
  switch (spec.bits) {
    case 1:
      unpack_groups<1>(scales.data, packed.data, count, group, unit, out);
      break;
    case 2:
      unpack_groups<2>(scales.data, packed.data, count, group, unit, out);
      break;
    case 3:
      unpack_groups<3>(scales.data, packed.data, count, group, unit, out);
      break;
    case 4:
      unpack_groups<4>(scales.data, packed.data, count, group, unit, out);
      break;
    default:
      unpack_groups<8>(scales.data, packed.data, count, group, unit, out);
      break;
  }
  return {};
}

}  // namespace freshet::delta

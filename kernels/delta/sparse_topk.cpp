#include "kernels/delta/sparse_topk.hpp"

#include "kernels/delta/rice.hpp"

#include <algorithm>
#include <numeric>
#include <string>

namespace freshet::delta {
namespace {

result<void> decode_values(byte_reader& in, const group_spec& spec, int exponent, sparse_values& out) {
  // Checked before memory is taken: positions are cheap to claim, values are not.
  if (groups_bytes(out.positions.size(), spec) > in.left()) {
    return {errc::truncated, "values of " + std::to_string(out.positions.size()) + " kept positions"};
  }
  out.values.resize(out.positions.size());
  return decode_groups(in, out.values.size(), spec, exponent, out.values.data());
}

}  // namespace

std::vector<std::uint32_t> select_top(const float* x, const float* importance, std::size_t count, std::size_t keep) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  if (keep < count) {
    const auto middle = order.begin() + static_cast<std::ptrdiff_t>(keep);
    std::nth_element(order.begin(), middle, order.end(), [&](std::uint32_t a, std::uint32_t b) {
      const double worth_a = worth(x, importance, a);
      const double worth_b = worth(x, importance, b);
      return worth_a != worth_b ? worth_a > worth_b : a < b;
    });
    order.resize(keep);
    std::sort(order.begin(), order.end());
  }
  return order;
}

std::vector<float> gather(const float* x, const std::vector<std::uint32_t>& positions) {
  std::vector<float> out(positions.size());
  std::transform(positions.begin(), positions.end(), out.begin(), [x](std::uint32_t at) { return x[at]; });
  return out;
}

std::uint64_t sparse_bytes(const std::vector<std::uint32_t>& positions, const group_spec& spec) {
  const std::uint64_t bits = rice_bits(positions, rice_best_k(positions));
  return varint_bytes(positions.size()) + 1 + (bits + 7) / 8 + groups_bytes(positions.size(), spec);
}

void encode_sparse(const float* x, const std::vector<std::uint32_t>& positions, const group_spec& spec, int exponent,
                   byte_writer& out) {
  const unsigned k = rice_best_k(positions);
  out.put_varint(positions.size());
  out.put(static_cast<std::uint8_t>(k));
  bit_writer bits(out.bytes());
  rice_encode(positions, k, bits);
  bits.finish();
  const std::vector<float> kept = gather(x, positions);
  encode_groups(kept.data(), kept.size(), spec, exponent, out);
}

result<void> decode_sparse(byte_reader& in, std::uint64_t count, const group_spec& spec, int exponent,
                           sparse_values& out) {
  FRESHET_TRY_ASSIGN(const std::uint64_t keep, in.get_varint("kept values"));
  FRESHET_TRY_ASSIGN(const auto k, in.get<std::uint8_t>("rice parameter"));
  if (keep == 0 || keep > count) {
    return {errc::corrupt, std::to_string(keep) + " kept values of " + std::to_string(count) + "; 1 to all are right"};
  }
  // Each position takes at least k + 1 bits: a claim that the bytes cannot back takes no memory.
  if ((keep * (std::uint64_t{k} + 1) + 7) / 8 > in.left()) {
    return {errc::truncated, std::to_string(keep) + " rice-coded positions"};
  }
  bit_reader bits(in.rest());
  FRESHET_TRY(rice_decode(bits, k, keep, count, out.positions));
  if (!bits.padding_is_zero()) return {errc::corrupt, "padding bits behind the positions are set"};
  in.skip(bits.bytes_used());
  return decode_values(in, spec, exponent, out);
}

std::uint64_t bitmap_bytes(std::uint64_t count, std::uint64_t keep, const group_spec& spec) {
  return (count + 7) / 8 + groups_bytes(keep, spec);
}

void encode_bitmap(const float* x, std::uint64_t count, const std::vector<std::uint32_t>& positions,
                   const group_spec& spec, int exponent, byte_writer& out) {
  std::uint8_t* mask = out.grow(static_cast<std::size_t>((count + 7) / 8));
  for (const std::uint32_t at : positions) mask[at / 8] = static_cast<std::uint8_t>(mask[at / 8] | (1U << (at % 8)));
  const std::vector<float> kept = gather(x, positions);
  encode_groups(kept.data(), kept.size(), spec, exponent, out);
}

result<void> decode_bitmap(byte_reader& in, std::uint64_t count, const group_spec& spec, int exponent,
                           sparse_values& out) {
  FRESHET_TRY_ASSIGN(const byte_view mask, in.get_bytes((count + 7) / 8, "position bitmap"));
  if (count % 8 != 0 && (mask.data[mask.size - 1] >> (count % 8)) != 0) {
    return {errc::corrupt, "padding bits behind the position bitmap are set"};
  }
  out.positions.clear();
  for (std::size_t begin = 0; begin < mask.size; begin += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, mask.data + begin, std::min<std::size_t>(8, mask.size - begin));
    for (; word != 0; word &= word - 1) {
      out.positions.push_back(static_cast<std::uint32_t>(begin * 8 + trailing_zeros(word)));
    }
  }
  if (out.positions.empty()) return {errc::corrupt, "a position bitmap without a bit set"};
  return decode_values(in, spec, exponent, out);
}

}  // namespace freshet::delta

// Rice coding of strictly increasing positions by their gaps (Rice & Plaunt 1971; Golomb 1966 for
// geometric gaps). gap = position - previous - 1, the first against -1;
//   code := (gap >> k) zero bits, a one bit, the low k bits of gap
// At densities p from 20 % to 0.02 % the best k stays within 1.03 × H(p)/p bits per position
// (methods.md 1.3 rule 4). Pure functions.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/delta/bits.hpp"

#include <cstdint>
#include <vector>

namespace freshet::delta {

inline constexpr unsigned rice_max_k = 31;

/// Bits that the positions [n] take with parameter k.
[[nodiscard]] std::uint64_t rice_bits(const std::vector<std::uint32_t>& positions, unsigned k);
/// The k of the fewest bits; the cost is convex in k, so a walk from the mean finds it.
[[nodiscard]] unsigned rice_best_k(const std::vector<std::uint32_t>& positions);

void rice_encode(const std::vector<std::uint32_t>& positions, unsigned k, bit_writer& out);
/// Reads `count` positions below `limit` into `positions`.
[[nodiscard]] result<void> rice_decode(bit_reader& in, unsigned k, std::uint64_t count, std::uint64_t limit,
                                       std::vector<std::uint32_t>& positions);

}  // namespace freshet::delta

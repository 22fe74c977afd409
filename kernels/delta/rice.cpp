#include "kernels/delta/rice.hpp"

#include <string>

namespace freshet::delta {

std::uint64_t rice_bits(const std::vector<std::uint32_t>& positions, unsigned k) {
  std::uint64_t quotients = 0;
  std::uint32_t next = 0;
  for (const std::uint32_t position : positions) {
    quotients += (position - next) >> k;
    next = position + 1;
  }
  return quotients + positions.size() * (std::uint64_t{k} + 1);
}

unsigned rice_best_k(const std::vector<std::uint32_t>& positions) {
  if (positions.empty()) return 0;
  // Start where 2^k is next below the mean gap.
  std::uint64_t mean = (std::uint64_t{positions.back()} + 1) / positions.size();
  unsigned k = 0;
  while (mean > 1 && k < rice_max_k) {
    mean >>= 1;
    ++k;
  }
  std::uint64_t best = rice_bits(positions, k);
  const unsigned start = k;
  while (k < rice_max_k) {
    const std::uint64_t bits = rice_bits(positions, k + 1);
    if (bits >= best) break;
    best = bits;
    ++k;
  }
  if (k != start) return k;
  while (k > 0) {
    const std::uint64_t bits = rice_bits(positions, k - 1);
    if (bits >= best) break;
    best = bits;
    --k;
  }
  return k;
}

void rice_encode(const std::vector<std::uint32_t>& positions, unsigned k, bit_writer& out) {
  std::uint32_t next = 0;
  const std::uint64_t low = (std::uint64_t{1} << k) - 1;
  for (const std::uint32_t position : positions) {
    const std::uint64_t gap = position - next;
    const std::uint64_t quotient = gap >> k;
    if (quotient + 1 + k <= 64) {
      out.put((((gap & low) << 1) | 1U) << quotient, static_cast<unsigned>(quotient) + 1 + k);
    } else {
      out.put_unary(quotient);
      out.put(gap & low, k);
    }
    next = position + 1;
  }
}

result<void> rice_decode(bit_reader& in, unsigned k, std::uint64_t count, std::uint64_t limit,
                         std::vector<std::uint32_t>& positions) {
  if (k > rice_max_k) return {errc::corrupt, "rice parameter " + std::to_string(k) + " exceeds 31"};
  if (count > limit) {
    return {errc::corrupt, std::to_string(count) + " positions cannot differ below " + std::to_string(limit)};
  }
  positions.resize(static_cast<std::size_t>(count));
  const std::uint64_t low = (std::uint64_t{1} << k) - 1;
  const std::uint64_t most = limit >> k;
  std::uint64_t next = 0;
  for (auto& position : positions) {
    // One window holds nearly every code whole: zeros, the one, k low bits.
    const std::uint64_t window = in.peek();
    std::uint64_t gap = 0;
    const unsigned zeros = window != 0 ? trailing_zeros(window) : 64;
    if (zeros + 1 + k <= 57) {
      if (!in.skip(zeros + 1 + k)) return {errc::truncated, "rice-coded positions"};
      gap = (std::uint64_t{zeros} << k) | ((window >> (zeros + 1)) & low);
    } else {
      std::uint64_t quotient = 0;
      std::uint64_t remainder = 0;
      if (!in.get_unary(most, quotient) || !in.get(k, remainder)) {
        return {errc::truncated, "rice-coded positions end early or reach past " + std::to_string(limit)};
      }
      gap = (quotient << k) | remainder;
    }
    next += gap;
    if (next >= limit) {
      return {errc::corrupt,
              "position " + std::to_string(next) + " lies outside of " + std::to_string(limit) + " values"};
    }
    position = static_cast<std::uint32_t>(next);
    ++next;
  }
  return {};
}

}  // namespace freshet::delta

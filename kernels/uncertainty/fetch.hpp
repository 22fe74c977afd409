// Prefetching for scans that are bound by memory: the lines of the next 16 KiB in an order that walks its four pages side by
// side, since memory is faster when it is read in several places at once than in one (measured: up to twice).
// An address past the end is allowed: a prefetch touches nothing. Included by .cpp files of this folder only.
#pragma once

#include "kernels/uncertainty/lanes.hpp"

#include <cstddef>
#include <cstdint>

namespace freshet::uncertainty {

inline constexpr std::size_t line_bytes = 64;
inline constexpr std::size_t lines_in_a_page = 64;
inline constexpr std::size_t pages_side_by_side = 4;
/// Floats of one such stretch.
inline constexpr std::size_t stretch = pages_side_by_side * lines_in_a_page * line_bytes / sizeof(float);

FRESHET_INLINE void fetch_in_order(const float* from, std::size_t i, std::size_t ahead) noexcept {
  __builtin_prefetch(reinterpret_cast<const char*>(reinterpret_cast<std::uintptr_t>(from) + (i + ahead) * sizeof(float)));
}

/// Called once for each sixteen floats of a scan that is at item `i` of `from`: fetches the line of its place in the order,
/// `ahead` floats on.
FRESHET_INLINE void fetch(const float* from, std::size_t i, std::size_t ahead) noexcept {
  const std::size_t line = i * sizeof(float) / line_bytes;
  const std::size_t place = line % (pages_side_by_side * lines_in_a_page);
  const std::size_t there = line - place + place % pages_side_by_side * lines_in_a_page + place / pages_side_by_side;
  __builtin_prefetch(reinterpret_cast<const char*>(reinterpret_cast<std::uintptr_t>(from) + ahead * sizeof(float) + there * line_bytes));
}

}  // namespace freshet::uncertainty

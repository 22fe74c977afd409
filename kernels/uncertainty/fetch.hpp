// Prefetching for scans that are bound by memory: the lines of the next 16 KiB in an order that walks its four pages side by
// side, since memory is faster when it is read in several places at once than in one (measured: up to twice).
// An address past the end is allowed: a prefetch touches nothing. Included by .cpp files of this folder only.
#pragma once

#include "kernels/base/read_ahead.hpp"
#include "kernels/uncertainty/lanes.hpp"

#include <cstddef>
#include <cstdint>

namespace freshet::uncertainty {

inline constexpr std::size_t line_bytes = 64;
inline constexpr std::size_t lines_in_a_page = 64;
inline constexpr std::size_t pages_side_by_side = 4;
inline constexpr std::size_t lines_in_a_stretch = pages_side_by_side * lines_in_a_page;
inline constexpr std::size_t floats_in_a_line = line_bytes / sizeof(float);
inline constexpr std::size_t floats_in_a_stretch = lines_in_a_stretch * floats_in_a_line;

/// The line whose turn it is when a scan is at `line`: one of each page of the stretch, then the next one of each.
constexpr std::size_t side_by_side(std::size_t line) noexcept {
  const std::size_t place = line % lines_in_a_stretch;
  return line - place + place % pages_side_by_side * lines_in_a_page + place / pages_side_by_side;
}

/// Fetches the line of item `i` of `from`.
FRESHET_INLINE void fetch_line(const float* from, std::size_t i) noexcept {
  __builtin_prefetch(reinterpret_cast<const char*>(reinterpret_cast<std::uintptr_t>(from) + i * sizeof(float)));
}

/// Called once for each line of a scan that is at item `i` of `from`: fetches a line of the stretch `ahead` floats on.
FRESHET_INLINE void fetch_side_by_side(const float* from, std::size_t i, std::size_t ahead) noexcept {
  fetch_line(from, ahead + side_by_side(i / floats_in_a_line) * floats_in_a_line);
}

/// For a scan from one end of `from` to the other: fetches a stretch ahead where the processor does not by itself.
class stretch_fetch {
 public:
  explicit stretch_fetch(const float* from) noexcept : from_(from), by_hand_(!processor_reads_ahead()) {}
  /// Called once for each line, at item `i`.
  FRESHET_INLINE void at(std::size_t i) const noexcept {
    if (by_hand_) fetch_side_by_side(from_, i, floats_in_a_stretch);
  }

 private:
  const float* from_;
  bool by_hand_;
};

}  // namespace freshet::uncertainty

// How fast this machine reads memory, as a reference for what is bound by that: every word once and nothing else done.
// Machines differ in what it takes: some are fastest in one place, others in several at once with prefetching.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace freshet::cli {

/// Sums of the words of a range, so that none of the reads can be left out; all of them, but for less than 64 bytes for
/// each place at its end.
std::uint64_t read_in_one_place(const void* data, std::size_t bytes);
std::uint64_t read_in_eight_places(const void* data, std::size_t bytes);

/// The better figure of all ways to read, where `speed(way)` measures one.
template <class Speed>
double fastest_read(Speed speed) {
  return std::max(speed(read_in_one_place), speed(read_in_eight_places));
}

}  // namespace freshet::cli

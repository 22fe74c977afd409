// How fast this machine reads memory, as a reference for what is bound by that: every word once and nothing else done.
// Machines differ in what it takes: some are fastest in one or two places, others in several at once with prefetching.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshet::cli {

/// Sum of the words of a range, so that none of the reads can be left out; all of them, but for less than 64 bytes for
/// each place at its end.
using memory_read = std::uint64_t (*)(const void* data, std::size_t bytes);
const std::vector<memory_read>& ways_to_read_memory();

/// The best figure of all ways to read, where `speed(way)` measures one.
template <class Speed>
double fastest_read(Speed speed) {
  double best = 0;
  for (const memory_read way : ways_to_read_memory()) best = std::max(best, speed(way));
  return best;
}

}  // namespace freshet::cli

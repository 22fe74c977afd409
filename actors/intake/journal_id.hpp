// The name of a new journal: drawn from the operating system, never 0, so that entries of two journals
// are never taken for each other. Any thread.
#pragma once

#include <cstdint>
#include <random>

namespace freshet::actors {

inline std::uint64_t draw_journal_id() {
  std::random_device source;
  std::uint64_t drawn = 0;
  while (drawn == 0) drawn = (std::uint64_t{source()} << 32) | source();
  return drawn;
}

}  // namespace freshet::actors

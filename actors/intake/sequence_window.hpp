// Which positions of one device's stream were seen: a high-water mark and a bitmap of the last
// `width` positions below it. Memory is width / 8 bytes, whatever the device sends.
// Owned by one journal; one thread at a time.
#pragma once

#include "kernels/base/ids.hpp"

#include <cstdint>
#include <vector>

namespace freshet::actors {

class sequence_window {
 public:
  /// `width` is rounded up to a multiple of 64, at least 64.
  explicit sequence_window(std::size_t width);

  /// True when marked, or so far below the highest mark that it can no longer be told: what might
  /// be a repetition is not taken twice.
  [[nodiscard]] bool seen(sequence position) const;
  void mark(sequence position);

 private:
  [[nodiscard]] std::uint64_t width() const { return bits_.size() * 64; }
  void clear(std::uint64_t position);
  std::vector<std::uint64_t> bits_;  ///< bit position % width
  std::uint64_t top_ = 0;            ///< highest marked
  bool any_ = false;
};

}  // namespace freshet::actors

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
  /// Bit b: position 64 · word + b is within the window and was marked. What a journal keeps.
  [[nodiscard]] std::uint64_t word(std::uint64_t word) const;
  /// The lowest word that still has positions within the window.
  [[nodiscard]] std::uint64_t lowest_word() const;

 private:
  [[nodiscard]] std::uint64_t width() const { return bits_.size() * 64; }
  void clear(std::uint64_t position);
  std::vector<std::uint64_t> bits_;  ///< bit position % width
  std::uint64_t top_ = 0;            ///< highest marked
  bool any_ = false;
};

}  // namespace freshet::actors

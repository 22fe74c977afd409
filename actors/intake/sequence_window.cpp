#include "actors/intake/sequence_window.hpp"

#include <algorithm>

namespace freshet::actors {

sequence_window::sequence_window(std::size_t width) : bits_(std::max<std::size_t>(1, (width + 63) / 64), 0) {}

bool sequence_window::seen(sequence position) const {
  const std::uint64_t at = position.value;
  if (!any_ || at > top_) return false;
  if (top_ - at >= width()) return true;
  const std::uint64_t slot = at % width();
  return ((bits_[slot / 64] >> (slot % 64)) & 1U) != 0;
}

void sequence_window::mark(sequence position) {
  const std::uint64_t at = position.value;
  if (!any_) {
    any_ = true;
    top_ = at;
  } else if (at > top_) {
    if (at - top_ >= width()) {
      std::fill(bits_.begin(), bits_.end(), 0);
    } else {
      for (std::uint64_t skipped = top_ + 1; skipped != at; ++skipped) clear(skipped);
    }
    top_ = at;
  } else if (top_ - at >= width()) {
    return;
  }
  const std::uint64_t slot = at % width();
  bits_[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void sequence_window::clear(std::uint64_t position) {
  const std::uint64_t slot = position % width();
  bits_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
}

}  // namespace freshet::actors

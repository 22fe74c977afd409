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

std::uint64_t sequence_window::word(std::uint64_t word) const {
  std::uint64_t bits = 0;
  if (!any_) return bits;
  const std::uint64_t slot = word % bits_.size();
  for (std::uint64_t b = 0; b < 64; ++b) {
    const std::uint64_t at = word * 64 + b;
    if (at <= top_ && top_ - at < width()) bits |= bits_[slot] & (std::uint64_t{1} << b);
  }
  return bits;
}

std::uint64_t sequence_window::lowest_word() const { return top_ < width() ? 0 : (top_ - width() + 1) / 64; }

void sequence_window::clear(std::uint64_t position) {
  const std::uint64_t slot = position % width();
  bits_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
}

}  // namespace freshet::actors

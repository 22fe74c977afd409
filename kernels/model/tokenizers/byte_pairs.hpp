// Byte-pair merges (Sennrich et al., arXiv 1508.07909): of all adjacent pairs the one that was learned first is
// merged, leftmost first, until none is left.
// Cost: n log n in the length of a word, and no table larger than the merges.
// Thread contract: immutable after construction; scratch belongs to one caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshet::model {

class byte_pairs {
 public:
  struct merge {
    std::int32_t left = 0;
    std::int32_t right = 0;
    std::int32_t result = 0;
    bool ties = false;  ///< ranks with the merge before it: of such pairs the leftmost goes first
  };
  struct queued {
    std::int32_t rank = 0;
    std::int32_t at = 0;
    std::int32_t result = 0;
  };
  /// Buffers that are kept from word to word.
  struct scratch {
    std::vector<queued> heap;
    std::vector<std::int32_t> before;
    std::vector<std::int32_t> after;
  };

  byte_pairs() = default;
  /// In the order in which they were learned; of a pair that stands there twice the later counts.
  explicit byte_pairs(const std::vector<merge>& merges);

  /// Merges in place within ids[from..].
  void apply(std::vector<std::int32_t>& ids, std::size_t from, scratch& buffers) const;

 private:
  struct slot {
    std::uint64_t key = empty;
    std::int32_t rank = 0;
    std::int32_t result = 0;
  };
  static constexpr std::uint64_t empty = ~std::uint64_t{0};
  [[nodiscard]] const slot* find(std::int32_t left, std::int32_t right) const;
  void apply_short(std::int32_t* ids, std::size_t& count) const;
  void apply_long(std::int32_t* ids, std::size_t& count, scratch& buffers) const;

  std::vector<slot> slots_;
  int shift_ = 64;
};

}  // namespace freshet::model

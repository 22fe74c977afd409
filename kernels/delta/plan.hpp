// How an update is to be encoded: one line a segment. Made by choose.hpp or by a fixed codec,
// carried out by update.hpp. Plain values.
#pragma once

#include "kernels/base/fields.hpp"
#include "kernels/delta/dense_groups.hpp"

#include <cstdint>
#include <vector>

namespace freshet::delta {

// Found by argument-dependent lookup from anywhere.
using freshet::operator==;
using freshet::operator!=;

/// Numbers are on the wire.
enum class segment_format : std::uint8_t {
  skip = 0,    ///< not sent; what it would carry stays in target - mirror
  dense = 1,   ///< every value (dense_groups.hpp)
  sparse = 2,  ///< kept values at Rice-coded positions (sparse_topk.hpp)
  bitmap = 3,  ///< kept values at the set bits of a bitmap (sparse_topk.hpp)
};

struct segment_plan {
  segment_format format = segment_format::skip;
  unsigned bits = 4;         ///< of a value: 1, 2, 3, 4, 8 or 16
  std::uint32_t group = 64;  ///< values a scale; 0 = all
  std::uint32_t keep = 0;    ///< values kept, sparse and bitmap only
  FRESHET_FIELDS(format, bits, group, keep)

  [[nodiscard]] group_spec groups() const noexcept { return {bits, group}; }
};

struct update_plan {
  std::vector<segment_plan> segments;  ///< as many as the layout has
  int zstd_level = 0;                  ///< 0: never; otherwise tried on the whole, kept if smaller
  FRESHET_FIELDS(segments, zstd_level)
};

}  // namespace freshet::delta

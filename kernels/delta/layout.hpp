// The trainable set of a student as one flat f32 vector of named segments in a fixed order
// (Hugging Face parameter names). Cloud and device build it from the same model and compare its
// hash. Plain values; owned by whoever holds the model.
#pragma once

#include "kernels/base/fields.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace freshet::delta {

// Found by argument-dependent lookup from anywhere.
using freshet::operator==;
using freshet::operator!=;

struct segment {
  std::string name;
  std::uint64_t offset = 0;  ///< first value in the flat vector
  std::uint64_t count = 0;   ///< rows × cols values
  std::uint32_t rows = 0;    ///< a vector is one row
  std::uint32_t cols = 0;
  FRESHET_FIELDS(name, offset, count, rows, cols)
};

struct layout {
  std::vector<segment> segments;
  FRESHET_FIELDS(segments)

  /// Adds a segment behind the last one.
  void append(std::string name, std::uint32_t rows, std::uint32_t cols);
  /// Values in the whole vector.
  [[nodiscard]] std::uint64_t total() const noexcept;
  /// xxh3-64 over names, rows and columns in order: equal hashes, equal meaning of the vector.
  [[nodiscard]] content_hash hash() const;
  /// Segments lie one behind the other, none is empty or longer than a 32-bit index reaches.
  [[nodiscard]] result<void> validate() const;
};

/// xxh3-64 over the little-endian bytes of `count` values: the base and result hash of artefacts.
/// Every bit counts: 0 and -0 differ.
[[nodiscard]] content_hash hash_values(const float* values, std::uint64_t count);

}  // namespace freshet::delta

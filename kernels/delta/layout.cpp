#include "kernels/delta/layout.hpp"

#include "kernels/delta/bytes.hpp"

#include <limits>

#include <xxhash.h>

namespace freshet::delta {

void layout::append(std::string name, std::uint32_t rows, std::uint32_t cols) {
  segments.push_back({std::move(name), total(), std::uint64_t{rows} * cols, rows, cols});
}

std::uint64_t layout::total() const noexcept {
  return segments.empty() ? 0 : segments.back().offset + segments.back().count;
}

content_hash layout::hash() const {
  byte_writer out;
  out.put_varint(segments.size());
  for (const auto& part : segments) {
    out.put_varint(part.name.size());
    out.put_bytes({reinterpret_cast<const std::uint8_t*>(part.name.data()), part.name.size()});
    out.put(part.rows);
    out.put(part.cols);
  }
  return content_hash(XXH3_64bits(out.bytes().data(), out.size()));
}

result<void> layout::validate() const {
  std::uint64_t next = 0;
  for (const auto& part : segments) {
    if (part.count == 0 || part.count > std::numeric_limits<std::uint32_t>::max() ||
        part.count != std::uint64_t{part.rows} * part.cols) {
      return {errc::shape_mismatch, "segment " + part.name + " has " + std::to_string(part.count) + " values in " +
                                        std::to_string(part.rows) + "x" + std::to_string(part.cols) +
                                        "; 1 to 2^32-1 values, rows times columns, are right"};
    }
    if (part.offset != next) {
      return {errc::shape_mismatch, "segment " + part.name + " begins at " + std::to_string(part.offset) +
                                        "; the one before it ends at " + std::to_string(next)};
    }
    next += part.count;
  }
  return {};
}

content_hash hash_values(const float* values, std::uint64_t count) {
  return content_hash(XXH3_64bits(values, static_cast<std::size_t>(count) * sizeof(float)));
}

}  // namespace freshet::delta

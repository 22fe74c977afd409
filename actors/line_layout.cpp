#include "actors/line_layout.hpp"

#include <ATen/ATen.h>

#include <limits>

#include "kernels/base/check.hpp"

namespace freshet::actors {

delta::layout layout_of(const model::trainable_set& set) {
  delta::layout parts;
  for (const model::trainable_tensor& t : set.tensors()) {
    const std::int64_t rows = t.value.dim() < 2 ? 1 : t.value.size(0);
    FRESHET_ENSURE(rows > 0 && t.value.numel() > 0 && t.value.numel() <= std::numeric_limits<std::uint32_t>::max(),
                   "trainable tensor " + t.name + " is empty or too long for a layout");
    parts.append(t.name, static_cast<std::uint32_t>(rows), static_cast<std::uint32_t>(t.value.numel() / rows));
    FRESHET_ENSURE(parts.segments.back().offset == t.offset, "layout and trainable set disagree at " + t.name);
  }
  return parts;
}

}  // namespace freshet::actors

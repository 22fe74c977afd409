// The layout that fuzzed updates are for: a few tensors of odd sizes.
#pragma once

#include "kernels/delta/layout.hpp"

namespace freshet::fuzz {

inline delta::layout small_layout() {
  delta::layout parts;
  parts.append("norm", 1, 17);
  parts.append("lora_a", 8, 33);
  parts.append("lora_b", 65, 8);
  return parts;
}

}  // namespace freshet::fuzz

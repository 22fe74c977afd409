// Data for measurements: normal values, many of them, quickly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshet::cli {

/// Drawn once for a part and repeated, since drawing is dearer than what is measured. The part's
/// length is prime, so rows of any width differ.
[[nodiscard]] std::vector<float> normal_values(std::size_t count, double deviation, std::uint64_t seed);

}  // namespace freshet::cli

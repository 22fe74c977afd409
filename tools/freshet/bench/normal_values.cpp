#include "tools/freshet/bench/normal_values.hpp"

#include <algorithm>

#include "kernels/base/rng.hpp"

namespace freshet::cli {

std::vector<float> normal_values(std::size_t count, double deviation, std::uint64_t seed) {
  constexpr std::size_t part = 1'000'003;
  std::vector<float> values(count);
  rng draw(seed);
  const std::size_t drawn = std::min(part, count);
  for (std::size_t i = 0; i < drawn; ++i) values[i] = static_cast<float>(deviation * draw.normal());
  for (std::size_t at = drawn; at < count; at += drawn) {
    std::copy_n(values.begin(), std::min(drawn, count - at), values.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return values;
}

}  // namespace freshet::cli

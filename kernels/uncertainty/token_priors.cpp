#include "kernels/uncertainty/token_priors.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/base/check.hpp"

namespace freshet::uncertainty {

std::size_t grid_columns(std::size_t tokens, const score_context& context) {
  if (tokens == 0) return 0;
  std::size_t columns = context.grid_width;
  if (columns == 0) {
    columns = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(tokens))));
    return columns * columns == tokens ? columns : 0;
  }
  return tokens % columns == 0 ? columns : 0;
}

void centre(const sample_view& view, const score_context& context, rng&, float* out) {
  const std::size_t columns = grid_columns(view.tokens, context);
  FRESHET_ENSURE(columns > 0, "the centre prior needs tokens that fill a grid");
  const std::size_t rows = view.tokens / columns;
  const float middle_x = 0.5f * static_cast<float>(columns - 1);
  const float middle_y = 0.5f * static_cast<float>(rows - 1);
  const float reach = std::max(middle_x * middle_x + middle_y * middle_y, 1e-12f);
  for (std::size_t l = 0; l < view.tokens; ++l) {
    const float x = static_cast<float>(l % columns) - middle_x;
    const float y = static_cast<float>(l / columns) - middle_y;
    out[l] = -(x * x + y * y) / reach;
  }
}

void relevance(const sample_view& view, const score_context&, rng&, float* out) {
  std::copy(view.relevance, view.relevance + view.tokens, out);
}

void patch_detail(const sample_view& view, const score_context&, rng&, float* out) {
  const auto n = static_cast<double>(view.patch_bytes);
  for (std::size_t l = 0; l < view.tokens; ++l) {
    const std::uint8_t* patch = view.patches + l * view.patch_bytes;
    std::uint64_t sum = 0;
    std::uint64_t squares = 0;
    for (std::size_t i = 0; i < view.patch_bytes; ++i) {
      const std::uint32_t x = patch[i];
      sum += x;
      squares += x * x;
    }
    const double mean = static_cast<double>(sum) / n;
    out[l] = static_cast<float>(static_cast<double>(squares) / n - mean * mean);
  }
}

}  // namespace freshet::uncertainty

#include "kernels/uncertainty/finite.hpp"

#include <limits>

#include "kernels/uncertainty/lanes.hpp"

namespace freshet::uncertainty {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

// `out` becomes the number of lanes that held nothing but finite numbers (and minus infinity, unless
// it is refused). NaN is never less than anything, so it fails.
template <std::size_t B>
FRESHET_INLINE void fine_lanes_body(const float* values, std::size_t count, bool refuse_minus, float* out) {
  const lanes<B> minus = lanes<B>::all(-infinity);
  const lanes<B> plus = lanes<B>::all(infinity);
  lanes<B> fine = lanes<B>::all(1.0f);
  std::size_t i = 0;
  for (; i + lane_count <= count; i += lane_count) {
    const lanes<B> x = lanes<B>::load(values + i);
    fine = where_less(x, plus, fine);
    if (refuse_minus) fine = where_less(minus, x, fine);
  }
  if (i < count) {
    const lanes<B> x = lanes<B>::load_tail(values + i, count - i, 0.0f);
    fine = where_less(x, plus, fine);
    if (refuse_minus) fine = where_less(minus, x, fine);
  }
  *out = sum_of(fine);
}
FRESHET_LANES_KERNEL(fine_lanes_kernel, fine_lanes_body,
                     (const float* values, std::size_t count, bool refuse_minus, float* out),
                     (values, count, refuse_minus, out))

bool fine(const float* values, std::size_t count, bool refuse_minus) {
  float lanes_fine = 0;
  pick_fine_lanes_kernel(best_instruction_set())(values, count, refuse_minus, &lanes_fine);
  return lanes_fine == static_cast<float>(lane_count);
}

}  // namespace

bool all_finite(const float* values, std::size_t count) { return fine(values, count, true); }
bool all_logits(const float* values, std::size_t count) { return fine(values, count, false); }

}  // namespace freshet::uncertainty

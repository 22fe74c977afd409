#include "kernels/uncertainty/finite.hpp"

#include <limits>

#include "kernels/uncertainty/lanes.hpp"

namespace freshet::uncertainty {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

// `out` becomes the number of lanes that held, once raised to `floor`, something other than a finite
// number. The comparisons are turned so that NaN, which is never less, fails them.
template <std::size_t B>
FRESHET_INLINE void outside_body(const float* values, std::size_t count, float floor, float* out) {
  const lanes<B> lowest = lanes<B>::all(floor);
  const lanes<B> below = lanes<B>::all(-infinity);
  const lanes<B> above = lanes<B>::all(infinity);
  const lanes<B> one = lanes<B>::all(1.0f);
  lanes<B> bad = lanes<B>::all(0.0f);
  for (std::size_t i = 0; i < count; i += lane_count) {
    const lanes<B> x = max_of(
        i + lane_count <= count ? lanes<B>::load(values + i) : lanes<B>::load_tail(values + i, count - i, 0.0f), lowest);
    bad = if_less(below, x, bad, one);
    bad = if_less(x, above, bad, one);
  }
  *out = sum_of(bad);
}
FRESHET_LANES_KERNEL(outside_kernel, outside_body, (const float* values, std::size_t count, float floor, float* out),
                     (values, count, floor, out))

bool inside(const float* values, std::size_t count, float floor) {
  float outside = 0;
  pick_outside_kernel(best_instruction_set())(values, count, floor, &outside);
  return outside == 0;
}

}  // namespace

bool all_finite(const float* values, std::size_t count) { return inside(values, count, -infinity); }

bool all_logits(const float* values, std::size_t count) {
  return inside(values, count, std::numeric_limits<float>::lowest());
}

}  // namespace freshet::uncertainty

#include "kernels/delta/share_plan.hpp"

#include "kernels/delta/sparse_topk.hpp"
#include "kernels/delta/update.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace freshet::delta {

result<update_plan> plan_top_share(const float* delta, const float* importance, const layout& parts, double share,
                                   const segment_plan& kept) {
  FRESHET_TRY(check_delta(delta, parts));
  if (!(share > 0 && share <= 1)) {
    return error{errc::invalid_argument, "share " + std::to_string(share) + "; above 0 and up to 1 is right"};
  }
  const auto total = static_cast<std::size_t>(parts.total());
  update_plan plan;
  plan.segments.resize(parts.segments.size());
  if (total == 0) return plan;
  std::vector<double> worths(total);
  for (std::size_t i = 0; i < total; ++i) worths[i] = worth(delta, importance, i);
  const auto keep = std::min(total, static_cast<std::size_t>(std::ceil(share * static_cast<double>(total))));
  std::vector<double> order = worths;
  const auto last = order.begin() + static_cast<std::ptrdiff_t>(keep - 1);
  std::nth_element(order.begin(), last, order.end(), std::greater<>());
  const double threshold = *last;
  // Values at the threshold itself are kept from the front until the share is full.
  std::size_t at_threshold = keep - static_cast<std::size_t>(std::count_if(worths.begin(), worths.end(),
                                                                           [&](double w) { return w > threshold; }));
  for (std::size_t s = 0; s < parts.segments.size(); ++s) {
    const segment& part = parts.segments[s];
    std::uint32_t here = 0;
    for (std::uint64_t i = part.offset; i < part.offset + part.count; ++i) {
      const double w = worths[static_cast<std::size_t>(i)];
      const bool tied = w == threshold && w > 0 && at_threshold > 0;
      if (tied) --at_threshold;
      if (w > threshold || tied) ++here;
    }
    if (here == 0) continue;
    plan.segments[s] = kept;
    plan.segments[s].keep = here;
  }
  return plan;
}

}  // namespace freshet::delta

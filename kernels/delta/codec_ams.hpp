// `ams`: the comparator of Khani et al. 2020 (arXiv 2006.06628, 3.1.2): the values whose |Δ| lies in
// the top share of the whole set, a packed bit mask, fp16 values, deflated. Differences here: the
// values are differences (AMS sends absolute weights of the same size), and zstd at level 19 stands
// for gzip -9, in its favour. A fixed rate.
#pragma once

#include "kernels/delta/codec.hpp"

#include <memory>
#include <string_view>

namespace freshet::delta {

/// `share` of all values in (0, 1]; the paper uses 0.01 to 0.2.
[[nodiscard]] std::unique_ptr<update_codec> make_ams_codec(double share);

}  // namespace freshet::delta

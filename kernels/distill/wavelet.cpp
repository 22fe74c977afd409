#include "kernels/distill/wavelet.hpp"

#include <ATen/ATen.h>

namespace freshet::distill {

const std::array<double, 12> db6_low_pass{
    -0.001077301085, 0.004777257511, 0.000553842201, -0.031582039317, 0.027522865530, 0.097501605587,
    -0.129766867567, -0.226264693965, 0.315250351709, 0.751133908021, 0.494623890398, 0.111540743350};

namespace {

/// Both filters as a convolution kernel [2, 1, 12]: y[k] = Σ_j f[j] · x[2k + 1 - j], so the taps are
/// laid out reversed. The high-pass is the alternating-sign reversal of the low-pass.
at::Tensor kernel(const at::TensorOptions& options) {
  std::vector<double> taps;
  for (int j = 11; j >= 0; --j) taps.push_back(db6_low_pass[static_cast<std::size_t>(j)]);
  for (int j = 11; j >= 0; --j) {
    const double mirrored = db6_low_pass[static_cast<std::size_t>(11 - j)];
    taps.push_back(j % 2 == 0 ? -mirrored : mirrored);
  }
  return at::tensor(taps).reshape({2, 1, 12}).to(options);
}

}  // namespace

wavelet_bands db6_transform(const at::Tensor& x, int levels) {
  wavelet_bands out;
  out.approximation = x;
  const at::Tensor filters = kernel(x.options());
  for (int level = 0; level < levels; ++level) {
    const std::int64_t n = x.size(0);
    const std::int64_t c = x.size(1);
    const at::Tensor flat = out.approximation.reshape({n * c, 1, out.approximation.size(2)});
    const at::Tensor both = at::conv1d(at::constant_pad_nd(flat, {10, 11}), filters, {}, 2);
    out.approximation = both.select(1, 0).reshape({n, c, -1});
    out.details.push_back(both.select(1, 1).reshape({n, c, -1}));
  }
  return out;
}

}  // namespace freshet::distill

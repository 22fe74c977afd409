#include "kernels/model/patches.hpp"

#include <ATen/ATen.h>

#include "kernels/base/check.hpp"

namespace freshet::model {

std::vector<std::uint8_t> cut_patches(const std::uint8_t* rgb, std::int64_t side, std::int64_t patch) {
  FRESHET_ENSURE(patch > 0 && side >= patch, "cut_patches: the side must be at least a patch");
  const std::int64_t grid = side / patch;
  std::vector<std::uint8_t> out(static_cast<std::size_t>(grid * grid * patch * patch * 3));
  std::uint8_t* to = out.data();
  for (std::int64_t cell = 0; cell < grid * grid; ++cell) {
    const std::int64_t top = cell / grid * patch;
    const std::int64_t left = cell % grid * patch;
    for (std::int64_t c = 0; c < 3; ++c) {
      for (std::int64_t y = 0; y < patch; ++y) {
        const std::uint8_t* row = rgb + ((top + y) * side + left) * 3 + c;
        for (std::int64_t x = 0; x < patch; ++x) *to++ = row[x * 3];
      }
    }
  }
  return out;
}

at::Tensor normalise_patches(const at::Tensor& bytes, const pixel_scaling& pixels) {
  // One rounding less than the general way, and what the shipped models were trained with.
  if (pixels == pixel_scaling{}) return bytes.to(at::kFloat).mul_(1.0F / 127.5F).sub_(1.0F);
  auto shape = bytes.sizes().vec();
  FRESHET_ENSURE(!shape.empty() && shape.back() % 3 == 0, "normalise_patches: three channels a patch");
  const std::int64_t values = shape.back();
  const auto channels = [](const std::array<double, 3>& of) {
    return at::tensor({static_cast<float>(of[0]), static_cast<float>(of[1]), static_cast<float>(of[2])}).view({3, 1});
  };
  at::Tensor x = bytes.to(at::kFloat).view({-1, 3, values / 3});
  x.mul_(static_cast<float>(pixels.scale)).sub_(channels(pixels.mean)).div_(channels(pixels.deviation));
  return x.view(shape);
}

}  // namespace freshet::model

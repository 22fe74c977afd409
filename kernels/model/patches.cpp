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

at::Tensor normalise_patches(const at::Tensor& bytes) { return bytes.to(at::kFloat).mul_(1.0F / 127.5F).sub_(1.0F); }

}  // namespace freshet::model

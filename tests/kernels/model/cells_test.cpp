// From a picture to the cells that a device sends, and to a model of another grid: held to the published image
// processors, to plain arithmetic and to brute force over pixels.
#include "kernels/model/image_processor.hpp"
#include "kernels/model/patches.hpp"
#include "kernels/model/regrid.hpp"
#include "kernels/model/safetensors.hpp"

#include "kernels/base/rng.hpp"

#include <cmath>
#include <filesystem>
#include <numeric>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace freshet::model {
namespace {

std::filesystem::path golden_folder() { return std::filesystem::path(FRESHET_TEST_DATA) / "hf" / "preprocess"; }

rgb_picture random_picture(std::int64_t side, std::uint64_t seed) {
  rng random(seed);
  rgb_picture out{side, side, std::vector<std::uint8_t>(static_cast<std::size_t>(side * side * 3))};
  for (auto& level : out.rgb) level = static_cast<std::uint8_t>(random.next());
  return out;
}

std::vector<std::int64_t> all_cells(const picture_grid& grid) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(grid.cells_a_side * grid.cells_a_side));
  std::iota(out.begin(), out.end(), 0);
  return out;
}

// What a device cuts, sends in 8 bits and a tower then reads is what the reference's image processor gives.
TEST(cells, normalised_cells_are_the_pixel_values_of_the_reference) {
  const auto inputs = safetensors_file::open(golden_folder() / "inputs.safetensors").value();
  const auto expected = safetensors_file::open(golden_folder() / "expected.safetensors").value();
  for (const char* processor : {"clip", "siglip", "llava_pad", "idefics3_nosplit"}) {
    const auto config = load_image_processor(golden_folder() / processor).value();
    pixel_scaling pixels;
    pixels.scale = config.rescale_factor;
    pixels.mean = config.mean;
    pixels.deviation = config.deviation;
    for (const char* name : {"img0_gradient_50x40", "img2_checker_37x91", "img3_scene_320x213"}) {
      const host_tensor raw = inputs.get(name).value();
      const auto square = square_picture(config, {raw.shape()[0], raw.shape()[1], {raw.data(), raw.data() + raw.bytes()}}, 32);
      ASSERT_TRUE(square.ok()) << square.err().text();
      const auto cut = cut_patches(square->rgb.data(), 32, 8);
      const at::Tensor got = normalise_patches(at::tensor(at::ArrayRef<std::uint8_t>(cut)).view({16, 192}), pixels);
      const host_tensor want = expected.get(std::string(processor) + ".pixel_values." + name).value();
      const float* values = want.as<float>();   // [.., 3, 32, 32]
      ASSERT_EQ(want.items(), 3U * 32 * 32);
      for (std::int64_t cell = 0; cell < 16; ++cell) {
        for (std::int64_t c = 0; c < 3; ++c) {
          for (std::int64_t y = 0; y < 8; ++y) {
            for (std::int64_t x = 0; x < 8; ++x) {
              const std::int64_t row = cell / 4 * 8 + y;
              const std::int64_t column = cell % 4 * 8 + x;
              ASSERT_NEAR(got[cell][c * 64 + y * 8 + x].item<float>(), values[(c * 32 + row) * 32 + column], 2e-6)
                  << processor << " " << name;
            }
          }
        }
      }
    }
  }
}

TEST(cells, a_file_whose_sizes_give_another_picture_is_an_error_that_says_both) {
  const auto config = load_image_processor(golden_folder() / "clip").value();
  const auto got = square_picture(config, random_picture(40, 1), 48);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.err().code, errc::shape_mismatch);
  EXPECT_NE(got.err().context.find("32 x 32"), std::string::npos) << got.err().text();
  EXPECT_NE(got.err().context.find("48 x 48"), std::string::npos) << got.err().text();
}

TEST(cells, default_scaling_is_minus_one_to_one) {
  const at::Tensor got = normalise_patches(at::tensor(std::vector<std::int64_t>{0, 255, 51}).to(at::kByte).view({1, 3}));
  EXPECT_NEAR(got[0][0].item<float>(), -1, 1e-6);
  EXPECT_NEAR(got[0][1].item<float>(), 1, 1e-6);
  EXPECT_NEAR(got[0][2].item<float>(), -0.6, 1e-6);
}

TEST(regrid, a_grid_is_read_from_counts_or_refused) {
  EXPECT_EQ(grid_of(16, 192), (picture_grid{4, 8}));
  EXPECT_EQ(grid_of(15, 192).side(), 0);
  EXPECT_EQ(grid_of(16, 190).side(), 0);
  EXPECT_EQ(grid_of(16, 21).side(), 0);
  EXPECT_EQ(grid_of(0, 192).side(), 0);
  EXPECT_EQ(grid_of(-4, 192).side(), 0);
}

TEST(regrid, of_the_same_pixels_only_the_cutting_changes) {
  const rgb_picture picture = random_picture(32, 2);
  const picture_grid fine{8, 4};
  const picture_grid coarse{4, 8};
  const auto sent = cut_patches(picture.rgb.data(), 32, 4);
  const kept_cells got = regrid(sent.data(), all_cells(fine), fine, coarse);
  EXPECT_EQ(got.positions, all_cells(coarse));
  EXPECT_EQ(got.patches, cut_patches(picture.rgb.data(), 32, 8));
}

TEST(regrid, another_resolution_is_the_resized_picture) {
  const rgb_picture picture = random_picture(32, 3);
  const picture_grid from{4, 8};
  const picture_grid to{3, 7};
  const auto sent = cut_patches(picture.rgb.data(), 32, 8);
  const kept_cells got = regrid(sent.data(), all_cells(from), from, to);
  EXPECT_EQ(got.positions, all_cells(to));
  EXPECT_EQ(got.patches, cut_patches(pil_resize(picture, 21, 21, resample_filter::bicubic).rgb.data(), 21, 7));
}

TEST(regrid, cells_of_which_half_was_kept_go_on) {
  // Brute force over the pixels of a common multiple: 12 pixels a side.
  rng random(4);
  const picture_grid from{4, 3};
  const picture_grid to{3, 4};
  for (int round = 0; round < 200; ++round) {
    std::vector<std::int64_t> kept;
    for (std::int64_t cell = 0; cell < 16; ++cell) {
      if (random.chance(0.4)) kept.push_back(cell);
    }
    if (kept.empty()) continue;
    std::vector<int> covered(9, 0);
    for (const std::int64_t cell : kept) {
      for (std::int64_t y = 0; y < 3; ++y) {
        for (std::int64_t x = 0; x < 3; ++x) {
          ++covered[static_cast<std::size_t>((cell / 4 * 3 + y) / 4 * 3 + (cell % 4 * 3 + x) / 4)];
        }
      }
    }
    std::vector<std::int64_t> expected;
    const int least = std::min(8, *std::max_element(covered.begin(), covered.end()));
    for (std::int64_t cell = 0; cell < 9; ++cell) {
      if (covered[static_cast<std::size_t>(cell)] >= least) expected.push_back(cell);
    }
    const std::vector<std::uint8_t> sent(kept.size() * 27, 200);
    ASSERT_EQ(regrid(sent.data(), kept, from, to).positions, expected);
  }
}

}  // namespace
}  // namespace freshet::model

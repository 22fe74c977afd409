// Pictures as Pillow and the published image processors make them (tests/data/hf/preprocess/README.md), and what
// has no golden numbers against plain statements of it.
#include "kernels/model/image_processor.hpp"

#include "kernels/base/rng.hpp"
#include "kernels/model/safetensors.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace freshet::model {
namespace {

const char* const names[] = {"img0_gradient_50x40", "img1_shapes_noise_64x64", "img2_checker_37x91", "img3_scene_320x213",
                             "img4_tiny_20x28"};

std::filesystem::path folder() { return std::filesystem::path(FRESHET_TEST_DATA) / "hf" / "preprocess"; }

class golden_pictures : public ::testing::Test {
 protected:
  golden_pictures()
      : inputs_(safetensors_file::open(folder() / "inputs.safetensors").value()),
        expected_(safetensors_file::open(folder() / "expected.safetensors").value()) {}

  [[nodiscard]] rgb_picture picture(const std::string& name) const {
    const host_tensor t = inputs_.get(name).value();
    return {t.shape()[0], t.shape()[1], {t.data(), t.data() + t.bytes()}};
  }
  [[nodiscard]] host_tensor wanted(const std::string& key) const { return expected_.get(key).value(); }

  /// Compares values; `shape` of the golden tensor may lack a leading 1.
  void expect_pixels(const std::string& processor) {
    const auto config = load_image_processor(folder() / processor);
    ASSERT_TRUE(config.ok()) << config.err().text();
    for (const char* name : names) {
      const auto got = process_picture(*config, picture(name));
      ASSERT_TRUE(got.ok()) << got.err().text();
      const host_tensor want = wanted(processor + ".pixel_values." + name);
      auto shape = got->pixels.shape();
      if (shape.size() > want.shape().size()) shape.erase(shape.begin());
      ASSERT_EQ(shape, want.shape()) << name;
      float worst = 0;
      for (std::size_t i = 0; i < want.items(); ++i) {
        worst = std::max(worst, std::abs(got->pixels.as<float>()[i] - want.as<float>()[i]));
      }
      EXPECT_LE(worst, 5e-7F) << processor << " " << name;
    }
  }

  safetensors_file inputs_;
  safetensors_file expected_;
};

std::string as_bytes(const host_tensor& t) { return {t.data(), t.data() + t.bytes()}; }
std::string as_bytes(const rgb_picture& p) { return {p.rgb.begin(), p.rgb.end()}; }

TEST_F(golden_pictures, resizing_is_pillows_bit_for_bit) {
  const std::pair<const char*, resample_filter> filters[] = {
      {"nearest", resample_filter::nearest}, {"box", resample_filter::box},         {"bilinear", resample_filter::bilinear},
      {"bicubic", resample_filter::bicubic}, {"lanczos", resample_filter::lanczos},
  };
  for (const char* name : names) {
    for (const auto& [word, filter] : filters) {
      EXPECT_EQ(as_bytes(pil_resize(picture(name), 32, 32, filter)),
                as_bytes(wanted(std::string("pil_resize.") + word + ".32x32." + name)))
          << word << " " << name;
    }
    EXPECT_EQ(as_bytes(pil_resize(picture(name), 59, 77, resample_filter::bicubic)),
              as_bytes(wanted(std::string("pil_resize.bicubic.up_77x59.") + name)));
  }
}

TEST_F(golden_pictures, clip) { expect_pixels("clip"); }
TEST_F(golden_pictures, siglip) { expect_pixels("siglip"); }
TEST_F(golden_pictures, llava_pad) { expect_pixels("llava_pad"); }
TEST_F(golden_pictures, idefics3) { expect_pixels("idefics3_nosplit"); }

TEST_F(golden_pictures, qwen2_vl) {
  expect_pixels("qwen2_vl");
  const auto config = load_image_processor(folder() / "qwen2_vl").value();
  for (const char* name : names) {
    const auto got = process_picture(config, picture(name)).value();
    const host_tensor grid = wanted(std::string("qwen2_vl.image_grid_thw.") + name);
    EXPECT_EQ(grid.as<std::int64_t>()[0], 1);
    EXPECT_EQ(grid.as<std::int64_t>()[1], got.rows) << name;
    EXPECT_EQ(grid.as<std::int64_t>()[2], got.columns) << name;
  }
}

// The fast processors differ by one level at most; so do ours from them.
TEST_F(golden_pictures, fast_processors_are_read_as_their_pillow_kin) {
  for (const std::string processor : {"clip", "siglip"}) {
    auto config = load_image_processor(folder() / processor).value();
    const auto level = static_cast<float>(1.0001 / 255 / *std::min_element(config.deviation.begin(), config.deviation.end()));
    for (const char* name : names) {
      const auto got = process_picture(config, picture(name)).value();
      const host_tensor want = wanted(processor + "_fast.pixel_values." + name);
      for (std::size_t i = 0; i < want.items(); ++i) {
        ASSERT_NEAR(got.pixels.as<float>()[i], want.as<float>()[i], level) << name;
      }
    }
  }
}

// Tiles have no golden numbers: the steps of the processor's source, one after another.
TEST_F(golden_pictures, idefics3_splits_into_tiles_and_a_whole) {
  auto config = load_image_processor(folder() / "idefics3_nosplit").value();
  config.split = true;
  config.longest_edge = 80;
  const auto value = [](std::uint8_t level) { return (static_cast<float>(level * (1.0 / 255)) - 0.5F) / 0.5F; };
  const struct {
    const char* name;
    std::int64_t first[2];   // height, width after the longest edge
    std::int64_t second[2];  // after both sides are multiples of 32
  } cases[] = {{names[3], {54, 80}, {64, 96}}, {names[2], {80, 32}, {96, 64}}, {names[0], {64, 80}, {96, 96}}};
  for (const auto& c : cases) {
    const auto once = pil_resize(picture(c.name), c.first[0], c.first[1], resample_filter::lanczos);
    const auto twice = pil_resize(once, c.second[0], c.second[1], resample_filter::lanczos);
    const auto whole = pil_resize(twice, 32, 32, resample_filter::lanczos);
    const auto got = process_picture(config, picture(c.name)).value();
    ASSERT_EQ(got.rows, c.second[0] / 32) << c.name;
    ASSERT_EQ(got.columns, c.second[1] / 32);
    ASSERT_EQ(got.pixels.shape(), (std::vector<std::int64_t>{got.rows * got.columns + 1, 3, 32, 32}));
    const float* at = got.pixels.as<float>();
    for (std::int64_t tile = 0; tile <= got.rows * got.columns; ++tile) {
      const bool last = tile == got.rows * got.columns;
      const rgb_picture& from = last ? whole : twice;
      const std::int64_t top = last ? 0 : tile / got.columns * 32;
      const std::int64_t left = last ? 0 : tile % got.columns * 32;
      for (std::int64_t channel = 0; channel < 3; ++channel) {
        for (std::int64_t y = 0; y < 32; ++y) {
          for (std::int64_t x = 0; x < 32; ++x) {
            ASSERT_NEAR(*at++, value(from.rgb[static_cast<std::size_t>(((top + y) * from.width + left + x) * 3 + channel)]), 1e-6F);
          }
        }
      }
    }
  }
  config.longest_edge = 32;
  EXPECT_EQ(process_picture(config, picture(names[4]))->rows, 0);
}

TEST(image_processor, a_crop_larger_than_the_picture_is_black_around_it) {
  const auto config = parse_image_processor(
      R"({"image_processor_type": "CLIPImageProcessor", "do_resize": false, "do_normalize": false, "do_rescale": false,
          "crop_size": {"height": 4, "width": 3}})",
      "p").value();
  // Python: top = (1 - 4) // 2 = -2, padded by ceil(3 / 2) = 2 rows; left = (2 - 3) // 2 = -1, padded by 1.
  const auto got = process_picture(config, {1, 2, {1, 2, 3, 4, 5, 6}}).value();
  const std::vector<float> want{0, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0};
  EXPECT_EQ(std::vector<float>(got.pixels.as<float>(), got.pixels.as<float>() + 12), want);
}

TEST(image_processor, all_problems_of_a_file_at_once) {
  const auto got = parse_image_processor(
      R"({"image_processor_type": "SiglipImageProcessor", "size": {"height": 0, "width": 99999}, "resample": 9,
          "image_mean": [0.5], "image_std": [0, 1, 1], "rescale_factor": 2, "do_magic": true})",
      "there/preprocessor_config.json");
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.err().code, errc::config);
  for (const char* part : {"there/preprocessor_config.json: 7 problems", "size.height = 0", "size.width = 99999", "resample = 9",
                           "image_mean = a list of 1", "image_std[0] = ", "rescale_factor = ", "do_magic = true"}) {
    EXPECT_NE(got.err().text().find(part), std::string::npos) << part << "\n" << got.err().text();
  }
  const auto other = parse_image_processor(R"({"image_processor_type": "ViTImageProcessor"})", "p");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.err().code, errc::unsupported);
  EXPECT_NE(other.err().text().find("ViTImageProcessor"), std::string::npos);
  EXPECT_EQ(parse_image_processor(R"({"image_processor_type": "Qwen2VLImageProcessorFast"})", "p")->kind, processor_kind::qwen2_vl);
  EXPECT_FALSE(parse_image_processor("[]", "p").ok());
}

TEST(image_processor, pictures_of_no_use_are_refused) {
  const auto clip = parse_image_processor(R"({"image_processor_type": "CLIPImageProcessor"})", "p").value();
  EXPECT_FALSE(process_picture(clip, {0, 3, {}}).ok());
  EXPECT_FALSE(process_picture(clip, {2, 2, {1, 2, 3}}).ok());
  const auto line = process_picture(clip, {1, 30'000, std::vector<std::uint8_t>(90'000)});
  ASSERT_FALSE(line.ok());
  EXPECT_NE(line.err().text().find("30000 x 1"), std::string::npos) << line.err().text();
  const auto qwen = parse_image_processor(R"({"image_processor_type": "Qwen2VLImageProcessor"})", "p").value();
  EXPECT_FALSE(process_picture(qwen, {1, 201, std::vector<std::uint8_t>(603)}).ok());
  EXPECT_TRUE(process_picture(qwen, {1, 200, std::vector<std::uint8_t>(600)}).ok());
}

// Weights of every filter sum to one within rounding, so an even picture stays what it is.
TEST(pil_resize, an_even_picture_stays_even) {
  rng random(1);
  for (int round = 0; round < 60; ++round) {
    const auto side = [&] { return static_cast<std::int64_t>(1 + random.below(90)); };
    const rgb_picture from{side(), side(), {}};
    rgb_picture even = from;
    even.rgb.assign(static_cast<std::size_t>(from.height * from.width * 3), static_cast<std::uint8_t>(random.below(256)));
    const auto to = pil_resize(even, side(), side(), *resample_filter_of(static_cast<std::int64_t>(random.below(6))));
    for (const auto level : to.rgb) ASSERT_EQ(level, even.rgb[0]);
  }
}

}  // namespace
}  // namespace freshet::model

// Token payloads: round trips, truncation at every byte, lies, and that prediction pays.
#include "kernels/uncertainty/token_codec.hpp"

#include <gtest/gtest.h>
#include <zstd.h>

#include <cmath>

#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/patch_predictor.hpp"

namespace freshet::uncertainty {
namespace {

using bytes = std::vector<std::uint8_t>;

bytes noise(rng& g, std::size_t n) {
  bytes b(n);
  for (auto& x : b) x = static_cast<std::uint8_t>(g.next());
  return b;
}

// Smooth shading with an edge and a touch of sensor noise: [count, 3, side, side].
bytes picture_patches(rng& g, std::size_t count, std::size_t side) {
  bytes out;
  for (std::size_t p = 0; p < count; ++p) {
    const double base = g.uniform(60, 180), slope_x = g.uniform(-4, 4), slope_y = g.uniform(-4, 4);
    const double edge = g.uniform(0, 2.0 * static_cast<double>(side));
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t y = 0; y < side; ++y) {
        for (std::size_t x = 0; x < side; ++x) {
          double v = base + slope_x * static_cast<double>(x) + slope_y * static_cast<double>(y) + 10.0 * static_cast<double>(c);
          if (static_cast<double>(x + y) > edge) v += 40;
          out.push_back(static_cast<std::uint8_t>(std::min(255.0, std::max(0.0, v + 0.6 * g.normal()))));
        }
      }
    }
  }
  return out;
}

result<bytes> unpack(const packed_tokens& p) {
  return unpack_patches(p.payload.data(), p.payload.size(), p.zstd, p.count, p.token_bytes);
}

TEST(patch_predictor, undoes_itself_for_any_bytes_and_layout) {
  rng g(61);
  for (const patch_layout layout : {patch_layout{3, 1, 1}, {3, 8, 8}, {1, 5, 3}, {3, 2, 7}, {2, 4, 4}, {4, 1, 9}}) {
    for (std::size_t count : {0u, 1u, 2u, 9u}) {
      const bytes patches = noise(g, count * layout.bytes());
      const bytes residuals = to_residuals(patches.data(), count, layout);
      EXPECT_EQ(from_residuals(residuals.data(), count, layout), patches);
      // Any residuals are decodable too: bytes from outside cannot break it.
      EXPECT_EQ(to_residuals(from_residuals(patches.data(), count, layout).data(), count, layout), patches);
    }
  }
}

TEST(patch_predictor, a_flat_patch_leaves_only_its_first_values) {
  const patch_layout layout{3, 6, 6};
  const bytes patches(4 * layout.bytes(), 77);
  const bytes residuals = to_residuals(patches.data(), 4, layout);
  EXPECT_EQ(std::count(residuals.begin(), residuals.end(), 0), static_cast<std::ptrdiff_t>(residuals.size() - 1));
}

TEST(patch_predictor, square_layouts) {
  EXPECT_EQ(square_layout(3 * 64).height, 8);
  EXPECT_EQ(square_layout(3 * 64).channels, 3);
  EXPECT_EQ(square_layout(49).channels, 1);
  EXPECT_EQ(square_layout(3).channels, 3);
  EXPECT_EQ(square_layout(50).bytes(), 0u);
  EXPECT_EQ(square_layout(0).bytes(), 0u);
  EXPECT_EQ(square_layout(3 * 256 * 256).bytes(), 0u);
}

TEST(token_codec, patches_round_trip) {
  rng g(62);
  for (std::size_t patch_bytes : {1u, 3u, 48u, 50u, 108u, 192u, 193u}) {
    for (std::size_t count : {0u, 1u, 2u, 17u, 64u}) {
      for (bool noisy : {true, false}) {
        const bytes patches = noisy ? noise(g, count * patch_bytes) : bytes(count * patch_bytes, 9);
        const packed_tokens packed = pack_patches(patches.data(), count, patch_bytes);
        EXPECT_LE(packed.bytes(), patches.size());  // never larger than as it is
        const auto back = unpack(packed);
        ASSERT_TRUE(back.ok()) << back.err().text();
        EXPECT_EQ(*back, patches);
      }
    }
  }
}

TEST(token_codec, prediction_beats_plain_compression_on_pictures) {
  rng g(63);
  const bytes patches = picture_patches(g, 64, 8);
  const packed_tokens packed = pack_patches(patches.data(), 64, 192);
  ASSERT_TRUE(packed.zstd);
  bytes plain(ZSTD_compressBound(patches.size()));
  const std::size_t plain_bytes = ZSTD_compress(plain.data(), plain.size(), patches.data(), patches.size(), 19);
  EXPECT_LT(static_cast<double>(packed.bytes()), 0.75 * static_cast<double>(plain_bytes));
  EXPECT_EQ(*unpack(packed), patches);
}

TEST(token_codec, truncation_at_every_byte_is_an_error) {
  rng g(64);
  const bytes patches = picture_patches(g, 6, 6), random = noise(g, 5 * 108);
  for (const packed_tokens& packed : {pack_patches(patches.data(), 6, 108), pack_patches(random.data(), 5, 108)}) {
    for (std::size_t n = 0; n < packed.payload.size(); ++n) {
      EXPECT_FALSE(unpack_patches(packed.payload.data(), n, packed.zstd, packed.count, packed.token_bytes).ok()) << n;
    }
    bytes longer = packed.payload;
    longer.push_back(0);
    EXPECT_FALSE(unpack_patches(longer.data(), longer.size(), packed.zstd, packed.count, packed.token_bytes).ok());
  }
}

TEST(token_codec, changed_bytes_never_break_it) {
  rng g(65);
  const bytes patches = picture_patches(g, 6, 6);
  const packed_tokens packed = pack_patches(patches.data(), 6, 108);
  ASSERT_TRUE(packed.zstd);
  for (int trial = 0; trial < 3000; ++trial) {
    bytes broken = packed.payload;
    for (std::uint64_t flips = 1 + g.below(3); flips > 0; --flips) {
      broken[g.below(broken.size())] ^= static_cast<std::uint8_t>(1 + g.below(255));
    }
    const auto back = unpack_patches(broken.data(), broken.size(), true, 6, 108);
    if (back.ok()) {
      EXPECT_EQ(back->size(), patches.size());
    }
  }
}

TEST(token_codec, lies_are_refused) {
  rng g(66);
  const bytes patches = picture_patches(g, 6, 6);
  const packed_tokens packed = pack_patches(patches.data(), 6, 108);
  const auto with = [&](std::size_t count, std::size_t size, std::size_t limit) {
    return unpack_patches(packed.payload.data(), packed.payload.size(), true, count, size, limit);
  };
  EXPECT_FALSE(with(7, 108, 1 << 20).ok());
  EXPECT_FALSE(with(6, 107, 1 << 20).ok());
  EXPECT_FALSE(with(108, 6, 1 << 20).ok());  // same product, another layout
  EXPECT_FALSE(with(0, 0, 1 << 20).ok());
  EXPECT_EQ(with(6, 108, 647).err().code, errc::too_large);
  EXPECT_EQ(with(SIZE_MAX / 2, 108, 1 << 20).err().code, errc::too_large);

  // Heads that do not belong: unknown mode, plain with a layout, layout of another size.
  for (const bytes& head : {bytes{2, 0, 0, 0}, bytes{0, 3, 6, 6}, bytes{1, 3, 6, 5}, bytes{1, 0, 0, 0}}) {
    bytes content = head;
    content.insert(content.end(), patches.begin(), patches.end());
    bytes frame(ZSTD_compressBound(content.size()));
    frame.resize(ZSTD_compress(frame.data(), frame.size(), content.data(), content.size(), 3));
    EXPECT_FALSE(unpack_patches(frame.data(), frame.size(), true, 6, 108).ok());
  }
}

TEST(token_codec, features_round_trip_within_half_a_step) {
  rng g(67);
  for (std::size_t width : {1u, 7u, 64u, 129u}) {
    const std::size_t count = 9;
    std::vector<float> x(count * width);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(g.normal() * std::pow(10.0, static_cast<double>(i / width) - 4.0));
    for (std::size_t d = 0; d < width; ++d) x[d] = 0;  // a token of zeros
    const auto packed = pack_features(x.data(), count, width);
    ASSERT_TRUE(packed.ok());
    EXPECT_LE(packed->bytes(), count * (width + 4));
    const auto back = unpack_features(packed->payload.data(), packed->payload.size(), packed->zstd, packed->scales.data(),
                                      packed->scales.size(), count, width);
    ASSERT_TRUE(back.ok());
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_LE(std::abs((*back)[i] - x[i]), 0.5001f * packed->scales[i / width]);
    }
    for (std::size_t n = 0; n < packed->payload.size(); ++n) {
      EXPECT_FALSE(unpack_features(packed->payload.data(), n, packed->zstd, packed->scales.data(), count, count, width).ok());
    }
    EXPECT_FALSE(unpack_features(packed->payload.data(), packed->payload.size(), packed->zstd, packed->scales.data(),
                                 count - 1, count, width).ok());
    std::vector<float> bad = packed->scales;
    bad[3] = NAN;
    EXPECT_FALSE(unpack_features(packed->payload.data(), packed->payload.size(), packed->zstd, bad.data(), count, count,
                                 width).ok());
  }
  const float not_finite[] = {1, INFINITY};
  EXPECT_FALSE(pack_features(not_finite, 1, 2).ok());
}

TEST(token_codec, a_feature_payload_cannot_be_predicted) {
  const bytes residual_frame = [] {
    bytes content = {1, 1, 2, 2, 5, 5, 5, 5};
    bytes frame(ZSTD_compressBound(content.size()));
    frame.resize(ZSTD_compress(frame.data(), frame.size(), content.data(), content.size(), 3));
    return frame;
  }();
  const float scale = 1;
  EXPECT_TRUE(unpack_patches(residual_frame.data(), residual_frame.size(), true, 1, 4).ok());
  EXPECT_EQ(unpack_features(residual_frame.data(), residual_frame.size(), true, &scale, 1, 1, 4).err().code,
            errc::unsupported);
}

TEST(token_codec, raw_bytes_of_either_form_come_back_without_scales) {
  rng g(69);
  const bytes patches = picture_patches(g, 6, 6);
  const packed_tokens p = pack_patches(patches.data(), 6, 108);
  ASSERT_TRUE(p.zstd);
  EXPECT_EQ(*unpack_raw(p.payload.data(), p.payload.size(), p.zstd, 6, 108, true), patches);
  EXPECT_EQ(unpack_raw(p.payload.data(), p.payload.size(), p.zstd, 6, 108, false).err().code, errc::unsupported);
  const std::vector<float> x(6 * 40, 0.5f);
  const auto f = pack_features(x.data(), 6, 40);
  ASSERT_TRUE(f->zstd);
  EXPECT_EQ(*unpack_raw(f->payload.data(), f->payload.size(), f->zstd, 6, 40, false), bytes(6 * 40, 127));
  EXPECT_FALSE(unpack_raw(f->payload.data(), f->payload.size() - 1, f->zstd, 6, 40, false).ok());
}

TEST(token_codec, the_cheaper_form_is_the_smaller) {
  rng g(68);
  const bytes flat(10 * 192, 5), random = noise(g, 10 * 192);
  std::vector<float> x(10 * 32);
  for (float& v : x) v = static_cast<float>(g.normal());
  const auto features = pack_features(x.data(), 10, 32);
  const packed_tokens easy = pack_patches(flat.data(), 10, 192), hard = pack_patches(random.data(), 10, 192);
  EXPECT_EQ(&cheaper(easy, *features), &easy);
  EXPECT_EQ(&cheaper(hard, *features), &*features);
  EXPECT_EQ(&cheaper(easy, easy), &easy);
}

}  // namespace
}  // namespace freshet::uncertainty

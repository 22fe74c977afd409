// How the filter writes kept tokens: pixels exactly or with loss, features of the vision tower, the cheapest.
#include "actors/uplink_filter/uplink_filter_core.hpp"

#include "actors/kept_tokens.hpp"

#include <gtest/gtest.h>

#include "kernels/uncertainty/token_codec.hpp"
#include "kernels/uncertainty/token_mask.hpp"
#include "tests/support/filter_world.hpp"

namespace freshet::actors {
namespace uplink_formats_test {

using namespace filter_world;

TEST(uplink_formats, of_pixels_and_encoder_features_the_cheaper_form_is_sent) {
  constexpr std::size_t encoded_width = 6;
  const auto sent_as = [](token_choice choice, bool noise, bool encoded) {
    auto o = plain_options();
    o.format = choice;
    o.dct = {24.0, 40.0};
    auto core = filter_of(o);
    fake_outbox out;
    world w(15);
    observation_batch b = w.observe(4);
    if (!noise) b.patches = host_tensor::of(std::vector<std::uint8_t>(4 * tokens * patch_bytes, 9), b.patches.shape());
    std::vector<float> features(4 * tokens * encoded_width);
    for (std::size_t i = 0; i < features.size(); ++i) features[i] = static_cast<float>(i % 97) - 40;
    b.encoder = content_hash(77);
    if (encoded) b.encoded = host_tensor::of(features, dims({std::size_t{4}, tokens, encoded_width}));
    feed(*core, b, out);
    EXPECT_EQ(stats(*core).at("bad_samples").get<int>(), encoded || choice == token_choice::patches ? 0 : 4);
    const auto sent = out.take<uts_batch>();
    return sent.empty() ? uts_batch{} : sent[0];
  };
  EXPECT_EQ(sent_as(token_choice::patches, true, true).format, topology::token_format::patches_u8);
  EXPECT_EQ(sent_as(token_choice::patches, true, true).encoder, content_hash()) << "pixels are nobody's features";
  EXPECT_EQ(sent_as(token_choice::cheapest, false, true).format, topology::token_format::patches_u8) << "one shade is cheap";
  EXPECT_TRUE(sent_as(token_choice::cheapest, true, false).samples.empty()) << "there is nothing to compare with";
  EXPECT_TRUE(sent_as(token_choice::features, true, false).samples.empty());
  for (const bool noise : {true, false}) {
    const uts_batch b = sent_as(token_choice::features, noise, true);
    EXPECT_EQ(b.format, topology::token_format::features_i8);
    EXPECT_EQ(b.encoder, content_hash(77));
    EXPECT_EQ(b.token_bytes, encoded_width);
    EXPECT_EQ(b.scales.items(), 4U * 7U);
    const auto got = uncertainty::unpack_features(b.payload.data(), b.payload.bytes(), b.zstd, b.scales.as<float>(),
                                                  b.scales.items(), 28, encoded_width);
    ASSERT_TRUE(got.ok());
    std::size_t row = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const auto kept = uncertainty::kept_tokens(b.samples[i].kept, tokens);
      ASSERT_TRUE(kept.ok());
      for (const auto l : *kept) {
        for (std::size_t f = 0; f < encoded_width; ++f) {
          const float exact = static_cast<float>((((i * tokens) + l) * encoded_width + f) % 97) - 40;
          EXPECT_NEAR((*got)[row * encoded_width + f], exact, b.scales.as<float>()[row] / 2 + 1e-5);
        }
        ++row;
      }
    }
  }
}

// A ceiling of pixels above what features take, and one below.
TEST(uplink_formats, the_cheaper_form_is_found_by_measured_bytes) {
  for (const double ceiling : {20.0, 1000.0}) {
    auto o = plain_options();
    o.format = token_choice::cheapest;
    o.token_share = 1;
    o.dct = {2.0, ceiling};
    auto core = filter_of(o);
    fake_outbox out;
    world w(25);
    observation_batch b = w.observe(4);
    b.encoder = content_hash(5);
    b.encoded = b.features;
    feed(*core, b, out);
    const auto sent = out.take<uts_batch>();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].format, ceiling < 100 ? topology::token_format::patches_dct : topology::token_format::features_i8);
  }
}

// Noise costs 12 bytes a patch exactly; with loss a sample is held to its ceiling, and what arrives is
// as many patches as were kept.
TEST(uplink_formats, with_loss_a_sample_keeps_to_its_ceiling) {
  auto o = plain_options();
  o.format = token_choice::dct;
  o.token_share = 1.0;
  o.dct = {2.0, 40.0};
  auto core = filter_of(o);
  fake_outbox out;
  world w(16);
  feed(*core, w.observe(4), out);
  const auto sent = out.take<uts_batch>();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].format, topology::token_format::patches_dct);
  EXPECT_LE(sent[0].payload.bytes(), 4U * 40U + 8U);
  const auto patches = unpack_tokens(sent[0]);
  ASSERT_TRUE(patches.ok()) << patches.err().text();
  EXPECT_EQ(patches->size(), 4U * tokens * patch_bytes);
  // Where the exact form is smaller it is taken: a hard pattern that repeats itself.
  o.dct = {2.0, 1e6};
  core = filter_of(o);
  observation_batch pattern = w.observe(4);
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < 4U * tokens * patch_bytes; ++i) bytes.push_back(i % 3 == 0 ? 255 : 0);
  pattern.patches = host_tensor::of(bytes, pattern.patches.shape());
  feed(*core, pattern, out);
  const auto exact = out.take<uts_batch>();
  ASSERT_EQ(exact.size(), 1U);
  EXPECT_EQ(exact[0].format, topology::token_format::patches_u8);
  EXPECT_EQ(*unpack_tokens(exact[0]), bytes);
}

// Patches that are no squares of colours have no DCT here: they travel as they are, and ticks end.
TEST(uplink_formats, patches_of_another_form_travel_exactly) {
  auto o = plain_options();
  o.format = token_choice::dct;
  o.token_share = 1.0;
  auto core = filter_of(o);
  fake_outbox out;
  world w(17);
  observation_batch odd = w.observe(2, 3, true);
  odd.patches = host_tensor::of(std::vector<std::uint8_t>(2U * tokens * 7U, 5), dims({std::size_t{2}, tokens, std::size_t{7}}));
  feed(*core, odd, out);
  const auto sent = out.take<uts_batch>();
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent.front().format, topology::token_format::patches_u8);
  EXPECT_TRUE(sent.back().end_of_tick);
}

}  // namespace uplink_formats_test
}  // namespace freshet::actors

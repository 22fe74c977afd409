#include "kernels/scenes/shifts.hpp"

#include "kernels/scenes/render.hpp"
#include "kernels/scenes/scene.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

namespace freshet::scenes {
namespace {

image some_scene(std::uint64_t seed, int side = 48) {
  rng random(seed);
  return render(draw_scene(random), side);
}

double mean(const image& picture) {
  return std::accumulate(picture.rgb.begin(), picture.rgb.end(), 0.0) / static_cast<double>(picture.rgb.size());
}

double deviation(const image& picture) {
  const double m = mean(picture);
  double sum = 0;
  for (const auto v : picture.rgb) sum += (v - m) * (v - m);
  return std::sqrt(sum / static_cast<double>(picture.rgb.size()));
}

double mean_change(const image& a, const image& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i)
    sum += std::abs(static_cast<int>(a.rgb[i]) - static_cast<int>(b.rgb[i]));
  return sum / static_cast<double>(a.rgb.size());
}

image shifted(const shift& s, const image& picture, double severity, std::uint64_t seed) {
  image out = picture;
  rng random(seed);
  s.apply(out, severity, random);
  return out;
}

const shift& get(const std::string& name) { return *find_shift(name).value(); }

class filters : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(shifts, filters,
                         ::testing::Values("fog", "night", "noise", "blur", "cast", "rain", "dirt", "contrast"),
                         [](const auto& tested) { return tested.param; });

TEST_P(filters, severity_zero_and_below_is_the_identity) {
  const image in = some_scene(1);
  EXPECT_EQ(shifted(get(GetParam()), in, 0.0, 2), in);
  EXPECT_EQ(shifted(get(GetParam()), in, -1.0, 2), in);
  EXPECT_EQ(shifted(get(GetParam()), in, std::nan(""), 2), in);
}

TEST_P(filters, same_seed_same_picture_other_seed_another) {
  const image in = some_scene(3);
  EXPECT_EQ(shifted(get(GetParam()), in, default_severity, 4), shifted(get(GetParam()), in, default_severity, 4));
  EXPECT_NE(shifted(get(GetParam()), in, default_severity, 4), shifted(get(GetParam()), in, default_severity, 5));
}

TEST_P(filters, grows_with_severity_and_starts_small) {
  double last = 0;
  for (const double severity : {0.02, 0.35, 1.0}) {
    double change = 0;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const image in = some_scene(seed);
      change += mean_change(in, shifted(get(GetParam()), in, severity, seed + 100)) / 20;
    }
    if (severity < 0.1) {
      EXPECT_LT(change, 6.0);
    }
    EXPECT_GE(change, last) << severity;
    last = change;
  }
  EXPECT_GT(last, 4.0);
}

TEST_P(filters, keeps_size_on_any_picture) {
  for (const auto& [w, h] : {std::pair{1, 1}, std::pair{3, 90}, std::pair{200, 7}, std::pair{96, 96}}) {
    image in(w, h);
    std::iota(in.rgb.begin(), in.rgb.end(), std::uint8_t{0});
    const image out = shifted(get(GetParam()), in, 1.0, 6);
    EXPECT_EQ(out.width, w);
    EXPECT_EQ(out.height, h);
    EXPECT_EQ(out.rgb.size(), in.rgb.size());
  }
  EXPECT_TRUE(shifted(get(GetParam()), image{}, 1.0, 6).empty());
}

/// Legible: what differs between two scenes still differs after the same filter.
TEST_P(filters, scenes_stay_apart_at_default_severity) {
  scene one;
  object o;
  o.rgb = {0.92F, 0.12F, 0.12F};
  one.objects.push_back(o);
  scene other = one;
  other.objects[0].rgb = {0.18F, 0.30F, 0.98F};
  const image a = render(one, 48);
  const image b = render(other, 48);
  const double before = mean_change(a, b);
  const double after =
      mean_change(shifted(get(GetParam()), a, default_severity, 7), shifted(get(GetParam()), b, default_severity, 7));
  EXPECT_GT(after, 0.12 * before);
}

TEST(shifts_effect, each_does_what_it_says) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const image in = some_scene(seed, 64);
    const image fog = shifted(get("fog"), in, default_severity, seed);
    EXPECT_GT(mean(fog), 110.0);
    EXPECT_LT(deviation(fog), 0.75 * deviation(in));
    EXPECT_LT(mean(shifted(get("night"), in, default_severity, seed)), 0.4 * mean(in));
    EXPECT_LT(deviation(shifted(get("contrast"), in, default_severity, seed)), 0.3 * deviation(in));
    EXPECT_NEAR(mean(shifted(get("blur"), in, default_severity, seed)), mean(in), 1.0);
  }
}

TEST(shifts_effect, noise_has_the_stated_size) {
  image flat(64, 64);
  std::fill(flat.rgb.begin(), flat.rgb.end(), std::uint8_t{128});
  double variance = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    variance += std::pow(deviation(shifted(get("noise"), flat, 0.4, seed)), 2.0) / 20;
  // read 0.27 s (uniform factor in [0.88, 1.12]: mean square 1.0048) and shot 0.16 s sqrt(signal)
  const double read = 255 * 0.27 * 0.4;
  const double shot = 255 * 0.16 * 0.4;
  EXPECT_NEAR(std::sqrt(variance), std::sqrt(read * read * 1.0048 + shot * shot * 128 / 255), 1.5);
}

TEST(shifts_effect, cast_turns_hues_but_can_be_undone) {
  image red(4, 4);
  image blue(4, 4);
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 4; ++x) {
      red.at(x, y)[0] = 200;
      blue.at(x, y)[2] = 200;
    }
  const image a = shifted(get("cast"), red, default_severity, 1);
  const image b = shifted(get("cast"), blue, default_severity, 1);
  EXPECT_GT(a.at(0, 0)[2], a.at(0, 0)[1]);  // red leans to purple
  EXPECT_GT(b.at(0, 0)[1], b.at(0, 0)[2]);  // blue leans to green
  EXPECT_NE(a, b);
}

TEST(shifts_registry, finds_all_and_refuses_the_rest) {
  EXPECT_EQ(shift_names().front(), "clean");
  EXPECT_EQ(shift_names().back(), "semantic");
  for (const auto& name : shift_names()) {
    const shift& s = get(name);
    EXPECT_EQ(s.name, name);
    EXPECT_FALSE(s.prose.empty());
    EXPECT_EQ(s.kind == shift_kind::filter, s.filter != nullptr);
  }
  const auto none = find_shift("snow");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.err().code, errc::not_found);
  for (const auto& name : shift_names()) EXPECT_NE(none.err().context.find(name), std::string::npos);
  const image in = some_scene(1);
  EXPECT_EQ(shifted(get("clean"), in, 1.0, 1), in);
  EXPECT_EQ(shifted(get("semantic"), in, 1.0, 1), in);  // the generator's business
}

}  // namespace
}  // namespace freshet::scenes

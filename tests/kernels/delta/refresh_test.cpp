#include "kernels/delta/refresh.hpp"

#include "tests/kernels/delta/support.hpp"

#include <gtest/gtest.h>

namespace freshet::delta {
namespace {

artefact label() {
  artefact out;
  out.line = content_hash(77);
  out.teacher = "tiny-teacher";
  return out;
}

// EF21: with a contractive codec, what was not sent stays in target - mirror and shrinks to nothing.
TEST(refresh, error_feedback_brings_the_mirror_to_the_target) {
  const layout parts = test::adapter();
  for (const auto name : codec_names()) {
    const update_codec& codec = **find_codec(name);
    rng from(1);
    std::vector<float> mirror = test::values(test::shape::uniform, parts.total(), from);
    auto target = mirror;
    for (auto& v : target) v += test::draw(test::shape::heavy, from);
    const double first = test::squares(test::difference(target, mirror));
    const bool sparse = name == "ams" || name == "topk";
    const int rounds = name == "dwc" || sparse || name == "bitdelta" ? 120 : 40;
    // dwc gets a budget of about one bit a value.
    const std::uint64_t budget = name == "dwc" ? 120 : unlimited_bytes;
    double last = first;
    version current(0);
    for (int round = 0; round < rounds; ++round) {
      const auto made = make_refresh({parts, target.data(), nullptr, budget}, codec, mirror, current, label());
      ASSERT_TRUE(made.ok()) << name;
      mirror = made->mirror;
      current = made->made.made;
      const double now = test::squares(test::difference(target, mirror));
      ASSERT_LE(now, last * (1 + 1e-6) + 1e-12) << name << " round " << round;
      last = now;
    }
    EXPECT_EQ(current.value, static_cast<std::uint64_t>(rounds));
    // One scale for a segment with heavy tails takes away ‖x‖₁² / n‖x‖² of the error a time: little, but some.
    EXPECT_LT(last, first * (name == "bitdelta" ? 0.5 : 1e-6)) << name;
  }
}

TEST(refresh, device_and_mirror_hold_the_same_bits_all_along_the_chain) {
  const layout parts = test::adapter();
  rng from(2);
  const std::vector<float> base = test::values(test::shape::uniform, parts.total(), from);
  auto mirror = base;
  auto device = base;
  auto target = base;
  version current(0);
  version on_device(0);
  for (int round = 0; round < 20; ++round) {
    for (auto& v : target) v += test::draw(test::shape::gauss, from);
    const auto names = codec_names();
    const update_codec& codec = **find_codec(names[from.below(names.size())]);
    auto made = make_refresh({parts, target.data(), nullptr, unlimited_bytes}, codec, mirror, current, label());
    ASSERT_TRUE(made.ok());
    const auto travelled = decode_artefact(*encode_artefact(made->made), {});
    ASSERT_TRUE(travelled.ok());
    const auto applied = apply_artefact(*travelled, parts, content_hash(77), on_device, device);
    ASSERT_TRUE(applied.ok());
    on_device = *applied;
    mirror = std::move(made->mirror);
    current = made->made.made;
    ASSERT_EQ(hash_values(device.data(), device.size()), hash_values(mirror.data(), mirror.size()));
  }
  const auto snapshot = make_snapshot(parts, base, mirror, current, label());
  ASSERT_TRUE(snapshot.ok());
  auto newcomer = base;
  const auto applied = apply_artefact(*snapshot, parts, content_hash(77), version(0), newcomer);
  ASSERT_TRUE(applied.ok());
  EXPECT_EQ(*applied, current);
  EXPECT_EQ(hash_values(newcomer.data(), newcomer.size()), hash_values(mirror.data(), mirror.size()));
}

TEST(refresh, wrong_sizes_and_the_base_itself_are_refused) {
  const layout parts = test::adapter();
  const std::vector<float> right(parts.total(), 0.0F);
  const std::vector<float> wrong(parts.total() - 1, 0.0F);
  const update_codec& codec = **find_codec("none");
  EXPECT_EQ(make_refresh({parts, right.data(), nullptr, unlimited_bytes}, codec, wrong, version(0), label()).err().code,
            errc::shape_mismatch);
  EXPECT_EQ(make_snapshot(parts, right, wrong, version(3), label()).err().code, errc::shape_mismatch);
  EXPECT_EQ(make_snapshot(parts, right, right, version(0), label()).err().code, errc::invalid_argument);
}

}  // namespace
}  // namespace freshet::delta

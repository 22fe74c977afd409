#include "kernels/delta/artefact.hpp"

#include "kernels/delta/refresh.hpp"
#include "tests/kernels/delta/support.hpp"

#include <algorithm>

#include <gtest/gtest.h>
#include <xxhash.h>

namespace freshet::delta {
namespace {

struct world {
  layout parts = test::adapter();
  std::vector<float> base;
  std::vector<float> mirror;
  artefact chain;
  artefact snapshot;

  explicit world(std::uint64_t seed) {
    rng from(seed);
    base = test::values(test::shape::uniform, parts.total(), from);
    auto target = base;
    for (auto& v : target) v += test::draw(test::shape::gauss, from);
    artefact label;
    label.line = content_hash(5);
    label.teacher = "teacher";
    label.first_sample = 100;
    label.last_sample = 900;
    label.metric_before = 0.5F;
    label.metric_after = 0.625F;
    auto made = make_refresh({parts, target.data(), nullptr, 300}, **find_codec("dwc"), base, version(0), label);
    chain = made->made;
    mirror = made->mirror;
    snapshot = *make_snapshot(parts, base, mirror, version(1), label);
  }
};

TEST(artefact, round_trips_with_and_without_signature) {
  const world w(1);
  for (artefact one : {w.chain, w.snapshot}) {
    EXPECT_EQ(*decode_artefact(*encode_artefact(one), {}), one);
    one.signature.assign(72, 0xab);
    EXPECT_EQ(*decode_artefact(*encode_artefact(one), {}), one);
    one.metric_before = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(std::isnan(decode_artefact(*encode_artefact(one), {})->metric_before));
  }
}

TEST(artefact, header_bytes_are_where_the_grammar_says) {
  const world w(1);
  const auto bytes = *encode_artefact(w.chain);
  EXPECT_EQ(std::string(bytes.begin(), bytes.begin() + 4), "FRDA");
  EXPECT_EQ(bytes[4], 1);   // format
  EXPECT_EQ(bytes[5], 1);   // chain
  EXPECT_EQ(bytes[6], 5);   // line, low byte first
  EXPECT_EQ(bytes[22], 1);  // version
  EXPECT_EQ(bytes[46], 3);
  EXPECT_EQ(std::string(bytes.begin() + 47, bytes.begin() + 50), "dwc");
  std::uint64_t checksum = 0;
  std::memcpy(&checksum, bytes.data() + bytes.size() - 8, 8);
  EXPECT_EQ(checksum, XXH3_64bits(bytes.data(), bytes.size() - 8));
}

TEST(artefact, signed_region_is_the_front_of_the_bytes_whatever_the_signature) {
  const world w(2);
  artefact one = w.chain;
  const auto region = *signed_region(one);
  one.signature.assign(72, 1);
  EXPECT_EQ(*signed_region(one), region);
  const auto bytes = *encode_artefact(one);
  ASSERT_EQ(bytes.size(), region.size() + 1 + 72 + 8);
  EXPECT_TRUE(std::equal(region.begin(), region.end(), bytes.begin()));
  one.last_sample += 1;
  EXPECT_NE(*signed_region(one), region);
}

TEST(artefact, cut_anywhere_it_is_refused) {
  const world w(3);
  for (const artefact& one : {w.chain, w.snapshot}) {
    const auto bytes = *encode_artefact(one);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      const std::vector<std::uint8_t> some(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut));
      ASSERT_EQ(decode_artefact(some, {}).err().code, errc::truncated) << cut;
    }
    auto longer = bytes;
    longer.push_back(0);
    EXPECT_EQ(decode_artefact(longer, {}).err().code, errc::corrupt);
  }
}

TEST(artefact, every_single_flipped_bit_is_noticed) {
  const world w(4);
  auto bytes = *encode_artefact(w.chain);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const auto flip = static_cast<std::uint8_t>(1U << (bit % 8));
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ flip);
    ASSERT_FALSE(decode_artefact(bytes, {}).ok()) << bit;
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ flip);
  }
}

TEST(artefact, a_tampered_payload_with_a_mended_checksum_never_becomes_visible) {
  const world w(5);
  rng from(6);
  std::size_t mismatched = 0;
  for (int round = 0; round < 1000; ++round) {
    artefact one = from.chance(0.8) ? w.chain : w.snapshot;
    for (std::uint64_t flips = 1 + from.below(3); flips > 0; --flips) {
      auto& byte = one.payload[from.below(one.payload.size())];
      byte = static_cast<std::uint8_t>(byte + 1 + from.below(255));
    }
    if (one.payload == w.chain.payload || one.payload == w.snapshot.payload) continue;
    const auto travelled = decode_artefact(*encode_artefact(one), {});
    ASSERT_TRUE(travelled.ok());
    auto values = w.base;
    const auto applied = apply_artefact(*travelled, w.parts, content_hash(5), version(0), values);
    if (applied.ok()) {
      // Bytes may differ where they mean the same; values may not.
      ASSERT_EQ(hash_values(values.data(), values.size()), w.chain.result_hash);
      continue;
    }
    mismatched += applied.err().code == errc::hash_mismatch ? 1 : 0;
    ASSERT_EQ(values, w.base);
  }
  EXPECT_GT(mismatched, 100U);
}

TEST(artefact, applies_only_to_its_line_version_and_values) {
  const world w(7);
  const auto attempt = [&](const artefact& one, content_hash line, version current, std::vector<float> values) {
    const auto before = values;
    const auto applied = apply_artefact(one, w.parts, line, current, values);
    if (!applied.ok()) {
      EXPECT_EQ(values, before);
      return applied.err().code;
    }
    EXPECT_EQ(hash_values(values.data(), values.size()), one.result_hash);
    return errc{};
  };
  for (const artefact& one : {w.chain, w.snapshot}) {
    EXPECT_EQ(attempt(one, content_hash(5), version(0), w.base), errc{});
    EXPECT_EQ(attempt(one, content_hash(6), version(0), w.base), errc::wrong_base);
    EXPECT_EQ(attempt(one, content_hash(5), version(1), w.base), errc::wrong_base);
    EXPECT_EQ(attempt(one, content_hash(5), version(0), w.mirror), errc::wrong_base);
    auto drifted = w.base;
    drifted[10] = std::nextafter(drifted[10], 9.0F);
    EXPECT_EQ(attempt(one, content_hash(5), version(0), drifted), errc::wrong_base);
    drifted.pop_back();
    EXPECT_EQ(attempt(one, content_hash(5), version(0), drifted), errc::shape_mismatch);
    artefact lying = one;
    lying.result_hash.value ^= 1;
    EXPECT_EQ(attempt(lying, content_hash(5), version(0), w.base), errc::hash_mismatch);
  }
}

TEST(artefact, limits_and_impossible_fields) {
  const world w(8);
  const auto bytes = *encode_artefact(w.chain);
  EXPECT_EQ(decode_artefact(bytes, {w.chain.payload.size() - 1}).err().code, errc::too_large);
  EXPECT_TRUE(decode_artefact(bytes, {w.chain.payload.size()}).ok());

  artefact one = w.chain;
  one.signature.assign(64, 0);
  EXPECT_EQ(encode_artefact(one).err().code, errc::invalid_argument);
  one = w.chain;
  one.teacher.assign(201, 'x');
  EXPECT_EQ(encode_artefact(one).err().code, errc::too_large);
  one = w.chain;
  one.made = one.base;
  EXPECT_EQ(encode_artefact(one).err().code, errc::corrupt);
  one = w.snapshot;
  one.base = version(1);
  one.made = version(2);
  EXPECT_EQ(encode_artefact(one).err().code, errc::corrupt);

  auto changed = bytes;
  changed[4] = 2;
  EXPECT_EQ(decode_artefact(changed, {}).err().code, errc::unsupported);
  changed = bytes;
  changed[5] = 3;
  EXPECT_EQ(decode_artefact(changed, {}).err().code, errc::unsupported);
  changed = bytes;
  changed[0] = 'X';
  EXPECT_EQ(decode_artefact(changed, {}).err().code, errc::corrupt);
}

}  // namespace
}  // namespace freshet::delta

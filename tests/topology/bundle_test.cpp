#include "topology/wire/bundle.hpp"

#include "kernels/base/rng.hpp"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace freshet::topology {
namespace {

using frame_list = std::vector<shared_bytes>;

frame_list random_frames(rng& random) {
  frame_list frames;
  for (std::uint64_t n = 2 + random.below(4); n > 0; --n) {
    std::vector<std::uint8_t> bytes(random.below(50));
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random.next());
    frames.push_back(shared_bytes::of(std::move(bytes)));
  }
  return frames;
}

shared_bytes bundle_of(const std::vector<frame_list>& parcels) {
  bundle_writer out;
  for (const auto& p : parcels) out.add(p);
  return out.take();
}

std::vector<frame_list> random_parcels(rng& random) {
  std::vector<frame_list> parcels;
  for (std::uint64_t n = 1 + random.below(6); n > 0; --n) parcels.push_back(random_frames(random));
  return parcels;
}

std::vector<frame_list> lists_of(const bundled_parcels& parcels) {
  std::vector<frame_list> lists;
  for (std::size_t i = 0; i < parcels.size(); ++i) lists.emplace_back(parcels[i].begin(), parcels[i].end());
  return lists;
}

shared_bytes cut_bundle(const shared_bytes& of, std::size_t bytes) {
  return of.part(0, bytes);
}

TEST(bundle, gives_back_what_was_put_in) {
  rng random(1);
  for (int round = 0; round < 500; ++round) {
    const auto parcels = random_parcels(random);
    const shared_bytes bundle = bundle_of(parcels);
    ASSERT_TRUE(is_bundle(bundle));
    const auto got = split_bundle(bundle);
    ASSERT_TRUE(got.ok()) << got.err().text();
    ASSERT_EQ(lists_of(*got), parcels);
    std::uint64_t bytes = 0;
    for (const auto& p : parcels) bytes += bytes_in_bundle(p);
    ASSERT_LE(bytes, bundle.bytes());
  }
}

TEST(bundle, every_byte_is_charged_to_one_parcel) {
  EXPECT_EQ(shares_of(100, {100}), (std::vector<std::uint64_t>{100}));
  EXPECT_EQ(shares_of(100, {30}), (std::vector<std::uint64_t>{100})) << "alone";
  EXPECT_EQ(shares_of(100, {30, 20, 25}), (std::vector<std::uint64_t>{55, 20, 25}));
}

TEST(bundle, frames_lie_on_multiples_of_eight_within_it_and_share_its_memory) {
  rng random(2);
  const shared_bytes bundle = bundle_of(random_parcels(random));
  const auto got = split_bundle(bundle);
  ASSERT_TRUE(got.ok());
  for (const auto& parcel : lists_of(*got)) {
    for (const auto& frame : parcel) {
      EXPECT_EQ((frame.data() - bundle.data()) % 8, 0);
      EXPECT_EQ(frame.owner(), bundle.owner());
    }
  }
}

TEST(bundle, a_writer_begins_anew_after_take) {
  rng random(3);
  bundle_writer out;
  const auto first = random_frames(random);
  const auto second = random_frames(random);
  out.add(first);
  static_cast<void>(out.take());
  out.add(second);
  const auto got = split_bundle(out.take());
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(lists_of(*got), std::vector<frame_list>{second});
}

TEST(bundle, a_cut_anywhere_is_an_error) {
  rng random(4);
  for (int round = 0; round < 20; ++round) {
    const shared_bytes bundle = bundle_of(random_parcels(random));
    for (std::size_t bytes = 0; bytes < bundle.bytes(); ++bytes) {
      const auto got = split_bundle(cut_bundle(bundle, bytes));
      ASSERT_FALSE(got.ok()) << bytes << " of " << bundle.bytes();
      ASSERT_EQ(got.err().code, errc::truncated) << got.err().text();
    }
  }
}

TEST(bundle, lies_about_counts_and_lengths_allocate_nothing_and_are_errors) {
  const auto bytes_of = [](std::vector<std::uint8_t> b) { return shared_bytes::of(std::move(b)); };
  const auto code = [&](std::vector<std::uint8_t> b) {
    const auto got = split_bundle(bytes_of(std::move(b)));
    return got.ok() ? errc{} : got.err().code;
  };
  EXPECT_EQ(code({0xc1, 1, 0, 0, 0, 0, 0, 0}), errc::corrupt) << "no parcel";
  EXPECT_EQ(code({0xc1, 1, 0, 0, 0xff, 0xff, 0xff, 0xff}), errc::too_large) << "four billion parcels";
  EXPECT_EQ(code({0xc1, 1, 0, 0, 0xff, 0, 0, 0}), errc::truncated) << "255 parcels in eight bytes";
  EXPECT_EQ(code({0xc1, 2, 0, 0, 1, 0, 0, 0}), errc::unsupported) << "a later form";
  EXPECT_EQ(code({0xc1, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), errc::corrupt) << "one frame";
  EXPECT_EQ(code({0xc1, 1, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0}), errc::too_large);
  EXPECT_EQ(code({0xc1, 1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}), errc::truncated);
  std::vector<std::uint8_t> many{0xc1, 1, 0, 0, 0x01, 0x10, 0, 0};   // 4097 parcels
  many.resize(100000);
  EXPECT_EQ(code(many), errc::too_large);
  EXPECT_EQ(code(std::vector<std::uint8_t>((std::size_t{1} << 20) + 1, 0xc1)), errc::unsupported);
  std::vector<std::uint8_t> large{0xc1, 1, 0, 0, 1, 0, 0, 0};
  large.resize((std::size_t{1} << 20) + 1);
  EXPECT_EQ(code(large), errc::too_large);
  rng random(5);
  auto longer = bundle_of({random_frames(random)});
  std::vector<std::uint8_t> padded(longer.data(), longer.data() + longer.bytes());
  padded.push_back(0);
  EXPECT_EQ(code(padded), errc::corrupt) << "something behind the last parcel";
}

TEST(bundle, mutated_bundles_never_do_harm) {
  rng random(6);
  std::size_t accepted = 0;
  constexpr int rounds = 20000;
  for (int round = 0; round < rounds; ++round) {
    const shared_bytes bundle = bundle_of(random_parcels(random));
    std::vector<std::uint8_t> bytes(bundle.data(), bundle.data() + bundle.bytes());
    for (std::uint64_t n = 1 + random.below(3); n > 0; --n)
      bytes[static_cast<std::size_t>(random.below(bytes.size()))] ^= static_cast<std::uint8_t>(1U << random.below(8));
    const shared_bytes changed = shared_bytes::of(std::move(bytes));
    const auto got = split_bundle(changed);
    if (!got.ok()) continue;
    ++accepted;
    // Whatever is accepted lies within the bytes that are there.
    for (const auto& parcel : lists_of(*got))
      for (const auto& frame : parcel) ASSERT_LE(frame.data() + frame.bytes(), changed.data() + changed.bytes());
  }
  EXPECT_GT(accepted, 0U);
  EXPECT_LT(accepted, static_cast<std::size_t>(rounds));
}

}  // namespace
}  // namespace freshet::topology

#include "actors/intake/batch_check.hpp"
#include "actors/intake/memory_journal.hpp"
#include "actors/intake/sequence_window.hpp"
#include "actors/kept_tokens.hpp"
#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/patch_dct.hpp"
#include "tests/support/uts_batches.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include <gtest/gtest.h>

namespace freshet::actors {
namespace intake_parts_test {

using test::batch_of;
using topology::uts_batch;

TEST(sequence_window, agrees_with_a_set_on_random_streams) {
  rng random(7);
  for (int round = 0; round < 20; ++round) {
    const std::size_t width = 64 * (1 + random.below(4));
    sequence_window window(width);
    std::set<std::uint64_t> marked;
    std::uint64_t near = random.below(1000);
    for (int i = 0; i < 2000; ++i) {
      near += random.below(20);
      if (random.chance(0.01)) near += random.below(1000);
      const std::uint64_t p = near - std::min<std::uint64_t>(near, random.below(2 * width));
      const std::uint64_t top = marked.empty() ? 0 : *marked.rbegin();
      const bool told = marked.empty() || p > top || top - p < width;
      EXPECT_EQ(window.seen(sequence{p}), !told || marked.count(p) == 1) << p << " top " << top;
      window.mark(sequence{p});
      if (told) marked.insert(p);
    }
  }
}

TEST(sequence_window, takes_the_ends_of_the_range) {
  sequence_window window(64);
  window.mark(sequence{0});
  EXPECT_TRUE(window.seen(sequence{0}));
  const auto last = std::numeric_limits<std::uint64_t>::max();
  EXPECT_FALSE(window.seen(sequence{last}));
  window.mark(sequence{last});
  EXPECT_TRUE(window.seen(sequence{last}));
  EXPECT_FALSE(window.seen(sequence{last - 63}));
  EXPECT_TRUE(window.seen(sequence{last - 64}));  // too old to tell
}

TEST(batch_check, takes_what_is_well_formed) {
  for (const bool features : {false, true}) {
    for (const bool packed : {false, true}) {
      const auto ok = check_batch(batch_of(1, {4, 5, 9}, 0, false, features, packed), {});
      EXPECT_TRUE(ok.ok()) << ok.err().text();
    }
  }
  EXPECT_TRUE(check_batch(batch_of(1, {}, 3, true), {}).ok());
}

TEST(batch_check, refuses_each_way_to_be_wrong) {
  const auto code = [](const uts_batch& b, const batch_limits& limits = {}) {
    auto r = check_batch(b, limits);
    return r.ok() ? std::optional<errc>{} : std::optional<errc>{r.err().code};
  };
  const uts_batch good = batch_of(1, {4, 5, 9});
  const uts_batch quantised = batch_of(1, {4, 5, 9}, 0, false, true);
  const uts_batch packed = batch_of(1, {4, 5, 9}, 0, false, false, true);
  uts_batch b = good;
  b.samples[1].kept_count += 1;
  EXPECT_EQ(code(b), errc::corrupt);
  b = good;
  b.samples[1].kept.push_back(0);
  EXPECT_EQ(code(b), errc::shape_mismatch);
  b = good;
  b.samples[0].kept[1] = static_cast<std::uint8_t>(b.samples[0].kept[1] | 0x80U);  // token 15 of 11
  b.samples[0].kept_count += 1;
  EXPECT_EQ(code(b), errc::corrupt);
  b = good;
  b.payload = host_tensor::of(std::vector<std::uint8_t>(good.payload.bytes() - 1));
  EXPECT_EQ(code(b), errc::shape_mismatch);
  b = good;
  b.payload = host_tensor::of(std::vector<std::int8_t>(good.payload.bytes()));
  EXPECT_EQ(code(b), errc::shape_mismatch);
  b = good;
  b.scales = host_tensor::of(std::vector<float>{1.0F});
  EXPECT_EQ(code(b), errc::shape_mismatch);
  b = good;
  b.encoder = content_hash(5);  // pixels are nobody's features
  EXPECT_EQ(code(b), errc::corrupt);
  b = quantised;
  b.encoder = {};
  EXPECT_EQ(code(b), errc::invalid_argument);
  b = good;
  b.samples[2].uncertainty = std::nanf("");
  EXPECT_EQ(code(b), errc::invalid_argument);
  b = quantised;
  std::vector<float> scales(quantised.scales.items(), 1.0F);
  scales.back() = std::numeric_limits<float>::infinity();
  b.scales = host_tensor::of(scales);
  EXPECT_EQ(code(b), errc::invalid_argument);
  b = quantised;
  b.scales = host_tensor::of(std::vector<std::uint8_t>(quantised.scales.items()));
  EXPECT_EQ(code(b), errc::shape_mismatch);
  b = good;
  b.format = static_cast<topology::token_format>(9);
  EXPECT_EQ(code(b), errc::unsupported);
  b = packed;
  b.token_bytes = 4;
  EXPECT_EQ(code(b), errc::corrupt);
  for (std::size_t n = 0; n < packed.payload.bytes(); ++n) {
    b = packed;
    b.payload = host_tensor::of(std::vector<std::uint8_t>(packed.payload.data(), packed.payload.data() + n));
    const auto got = code(b);
    EXPECT_TRUE(got == errc::corrupt || got == errc::truncated) << "truncated to " << n;
  }
  batch_limits limits;
  limits.samples = 2;
  EXPECT_EQ(code(good, limits), errc::too_large);
  limits = {};
  limits.tokens_per_sample = 10;
  EXPECT_EQ(code(good, limits), errc::too_large);
  limits = {};
  limits.token_bytes = 2;
  EXPECT_EQ(code(good, limits), errc::too_large);
  limits = {};
  limits.payload_bytes = good.payload.bytes() - 1;
  EXPECT_EQ(code(good, limits), errc::too_large);
  limits = {};
  limits.text_bytes = 5;
  EXPECT_EQ(code(good, limits), errc::too_large);
}

TEST(batch_check, keeping_samples_equals_building_the_smaller_batch) {
  const std::vector<std::uint64_t> all{3, 4, 8, 11, 12};
  for (unsigned mask = 0; mask < 32; ++mask) {
    std::vector<bool> keep;
    std::vector<std::uint64_t> kept;
    for (unsigned i = 0; i < 5; ++i) {
      keep.push_back(((mask >> i) & 1U) != 0);
      if (keep.back()) kept.push_back(all[i]);
    }
    for (const bool features : {false, true}) {
      for (const bool packed : {false, true}) {
        const auto got = keep_samples(batch_of(2, all, 0, false, features, packed), keep);
        ASSERT_TRUE(got.ok());
        uts_batch want = batch_of(2, kept, 0, false, features, false);
        EXPECT_EQ(*got, want) << "mask " << mask;
        EXPECT_TRUE(check_batch(*got, {}).ok());
      }
    }
  }
}

// The same tokens as batch_of, coded with loss: 3 bytes are one pixel in three colours.
uts_batch coded_batch_of(const std::vector<std::uint64_t>& positions) {
  uts_batch b = batch_of(2, positions);
  std::vector<std::uint32_t> counts;
  for (const auto& s : b.samples) counts.push_back(s.kept_count);
  auto coded = uncertainty::encode_dct(b.payload.data(), counts, b.token_bytes, {2.0, 1e9});
  EXPECT_TRUE(coded.ok());
  b.format = topology::token_format::patches_dct;
  b.payload = host_tensor::of(*std::move(coded));
  return b;
}

TEST(batch_check, coded_patches_are_read_before_they_are_believed) {
  const uts_batch good = coded_batch_of({4, 5, 9});
  EXPECT_TRUE(check_batch(good, {}).ok());
  for (std::size_t n = 0; n < good.payload.bytes(); ++n) {
    uts_batch b = good;
    b.payload = host_tensor::of(std::vector<std::uint8_t>(good.payload.data(), good.payload.data() + n));
    EXPECT_FALSE(check_batch(b, {}).ok()) << "truncated to " << n;
  }
  uts_batch b = good;
  b.zstd = true;
  EXPECT_EQ(check_batch(b, {}).err().code, errc::corrupt);
  b = good;
  b.token_bytes = 7;
  EXPECT_EQ(check_batch(b, {}).err().code, errc::unsupported);
  batch_limits limits;
  limits.payload_bytes = 8;
  EXPECT_EQ(check_batch(good, limits).err().code, errc::too_large);
}

TEST(batch_check, of_coded_patches_the_kept_ones_go_on_as_pixels) {
  const uts_batch all = coded_batch_of({3, 4, 8});
  const auto pixels = unpack_tokens(all);
  ASSERT_TRUE(pixels.ok());
  const auto kept = keep_samples(all, {false, true, true});
  ASSERT_TRUE(kept.ok());
  EXPECT_TRUE(check_batch(*kept, {}).ok());
  EXPECT_EQ(kept->format, topology::token_format::patches_u8);
  const std::size_t first = all.samples[0].kept_count * all.token_bytes;
  const std::vector<std::uint8_t> want(pixels->begin() + static_cast<std::ptrdiff_t>(first), pixels->end());
  EXPECT_EQ(*unpack_tokens(*kept), want);
}

TEST(memory_journal, remembers_a_bounded_number_of_devices) {
  memory_journal::options small;
  small.max_devices = 2;
  memory_journal journal(small);
  EXPECT_TRUE(journal.append(batch_of(1, {1})).ok());
  EXPECT_TRUE(journal.append(batch_of(2, {1})).ok());
  const auto third = journal.append(batch_of(3, {1}));
  ASSERT_FALSE(third.ok());
  EXPECT_EQ(third.err().code, errc::overloaded);
  ASSERT_EQ(journal.pending().size(), 2U);
  EXPECT_EQ(journal.pending()[1].number, 2U);
  EXPECT_EQ(journal.done_below(), 1U);
  ASSERT_TRUE(journal.erase({1}).ok());
  EXPECT_TRUE(journal.knows(device_id{1}, sequence{1}));
  EXPECT_EQ(journal.read(1).err().code, errc::not_found);
  EXPECT_EQ(journal.done_below(), 2U);
  ASSERT_TRUE(journal.erase({2}).ok());
  EXPECT_EQ(journal.bytes(), 0U);
  EXPECT_EQ(journal.done_below(), 3U);
}

}  // namespace intake_parts_test
}  // namespace freshet::actors

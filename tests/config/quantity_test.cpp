#include "config/quantity.hpp"

#include <gtest/gtest.h>

#include <cstdint>

#include "kernels/base/rng.hpp"

namespace freshet::config {
namespace {

TEST(quantity, reads_durations) {
  EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(parse_duration("2s"), milliseconds(2000));
  EXPECT_EQ(parse_duration("1.5s"), milliseconds(1500));
  EXPECT_EQ(parse_duration("0.25m"), milliseconds(15000));
  EXPECT_EQ(parse_duration("5 m"), milliseconds(300000));
  EXPECT_EQ(parse_duration("1h"), milliseconds(3600000));
  EXPECT_EQ(parse_duration("0s"), milliseconds(0));
}

TEST(quantity, refuses_what_is_no_duration) {
  for (const char* text : {"", "s", "5", "5 ", "5x", "5sec", "-5s", "1.s", ".5s", "1..5s", "1.0005s", "0.1ms", "1e3s", " 5s",
                           "5s ", "99999999999999999999s", "9223372036854775807h", "10000000h"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(quantity, reads_sizes_decimal_and_binary) {
  EXPECT_EQ(parse_bytes("64KB"), byte_count(64'000));
  EXPECT_EQ(parse_bytes("64KiB"), byte_count(65'536));
  EXPECT_EQ(parse_bytes("1.5 MiB"), byte_count(1'572'864));
  EXPECT_EQ(parse_bytes("2GB"), byte_count(2'000'000'000));
  EXPECT_EQ(parse_bytes("7B"), byte_count(7));
}

TEST(quantity, refuses_what_is_no_size) {
  for (const char* text : {"", "KB", "64", "64kb", "64K", "0.5B", "-1KB", "0x10KB", "10000000000GiB"})
    EXPECT_EQ(parse_bytes(text), std::nullopt) << text;
}

TEST(quantity, shows_the_largest_exact_unit) {
  EXPECT_EQ(show(milliseconds(90'000)), "90s");
  EXPECT_EQ(show(milliseconds(120'000)), "2m");
  EXPECT_EQ(show(milliseconds(1)), "1ms");
  EXPECT_EQ(show(milliseconds(0)), "0ms");
  EXPECT_EQ(show(byte_count(65'536)), "64KiB");
  EXPECT_EQ(show(byte_count(64'000)), "64KB");
  EXPECT_EQ(show(byte_count(0)), "0B");
}

TEST(quantity, what_is_shown_reads_back) {
  rng draws(7);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t n = draws.next() >> (draws.below(63) + 1);
    EXPECT_EQ(parse_bytes(show(byte_count(n))), byte_count(n));
    const milliseconds d(static_cast<std::int64_t>(n % 9'000'000'000'000ULL));
    EXPECT_EQ(parse_duration(show(d)), d);
  }
}

}  // namespace
}  // namespace freshet::config

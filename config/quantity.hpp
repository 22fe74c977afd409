// Durations and sizes as people write them: "500ms", "1.5s", "64KB", "2MiB". Integer arithmetic
// throughout, so that what is written is what is meant.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/base/ids.hpp"

namespace freshet::config {

using std::chrono::milliseconds;
/// A number of bytes. "KB" is 1000, "KiB" is 1024.
using byte_count = strong<struct byte_count_tag, std::uint64_t>;

/// Nothing when the text is not a number with one of ms, s, m, h, when the value is no whole number
/// of milliseconds, or when it exceeds about 290 years.
[[nodiscard]] std::optional<milliseconds> parse_duration(std::string_view text) noexcept;
/// Nothing when the text is not a number with one of B, KB, MB, GB, KiB, MiB, GiB, when the value is
/// no whole number of bytes, or when it exceeds 2^63.
[[nodiscard]] std::optional<byte_count> parse_bytes(std::string_view text) noexcept;

/// The largest unit that is exact; parse_* reads it back.
[[nodiscard]] std::string show(milliseconds d);
[[nodiscard]] std::string show(byte_count b);

}  // namespace freshet::config

#include "config/quantity.hpp"

#include <array>
#include <limits>

namespace freshet::config {
namespace {

struct unit {
  std::string_view suffix;
  std::uint64_t scale;
};

constexpr std::array<unit, 4> duration_units{{{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<unit, 7> byte_units{{{"GiB", std::uint64_t{1} << 30U},
                                          {"GB", 1'000'000'000},
                                          {"MiB", std::uint64_t{1} << 20U},
                                          {"MB", 1'000'000},
                                          {"KiB", 1024},
                                          {"KB", 1000},
                                          {"B", 1}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// [digits][.digits][spaces]suffix, times the suffix's scale, if that is whole and fits 63 bits.
template <std::size_t N>
std::optional<std::uint64_t> parse_with(std::string_view text, const std::array<unit, N>& units) {
  constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();
  std::uint64_t digits = 0;
  std::uint64_t divisor = 1;
  bool point = false;
  bool any = false;
  std::size_t i = 0;
  for (; i < text.size() && (is_digit(text[i]) || (text[i] == '.' && !point && any)); ++i) {
    if (text[i] == '.') {
      point = true;
      any = false;  // a digit must follow the point
      continue;
    }
    const auto digit = static_cast<std::uint64_t>(text[i] - '0');
    if (digits > (largest - digit) / 10) return std::nullopt;
    digits = digits * 10 + digit;
    if (point) {
      if (divisor > largest / 10) return std::nullopt;
      divisor *= 10;
    }
    any = true;
  }
  if (!any) return std::nullopt;
  while (i < text.size() && text[i] == ' ') ++i;
  const std::string_view suffix = text.substr(i);
  for (const unit& u : units) {
    if (suffix != u.suffix) continue;
    if (digits != 0 && u.scale > largest / digits) return std::nullopt;
    const std::uint64_t scaled = digits * u.scale;
    if (scaled % divisor != 0) return std::nullopt;
    return scaled / divisor;
  }
  return std::nullopt;
}

template <std::size_t N>
std::string show_with(std::uint64_t amount, const std::array<unit, N>& units) {
  for (const unit& u : units)
    if (amount >= u.scale && amount % u.scale == 0) return std::to_string(amount / u.scale) + std::string(u.suffix);
  return std::to_string(amount) + std::string(units.back().suffix);
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) noexcept {
  // Nanoseconds are the engine's unit of time: what does not fit there cannot be meant.
  constexpr std::uint64_t longest_ms = std::numeric_limits<std::int64_t>::max() / 1'000'000;
  const auto ms = parse_with(text, duration_units);
  if (!ms || *ms > longest_ms) return std::nullopt;
  return milliseconds(static_cast<std::int64_t>(*ms));
}

std::optional<byte_count> parse_bytes(std::string_view text) noexcept {
  const auto bytes = parse_with(text, byte_units);
  if (!bytes) return std::nullopt;
  return byte_count(*bytes);
}

std::string show(milliseconds d) {
  if (d.count() < 0) return "-" + show(-d);
  return show_with(static_cast<std::uint64_t>(d.count()), duration_units);
}

std::string show(byte_count b) { return show_with(b.value, byte_units); }

}  // namespace freshet::config

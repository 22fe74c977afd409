#include "tools/freshet/console/format.hpp"

#include <array>
#include <cmath>
#include <cstdio>

namespace freshet::cli {

namespace {

constexpr const char* nothing = "–";

std::string printed(const char* form, double value, const char* unit) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), form, value, unit);
  return buffer.data();
}

// A unit for each factor of a thousand; two digits at least, three where `fine`.
template <std::size_t N>
std::string scaled(double value, const std::array<const char*, N>& units, bool fine) {
  std::size_t unit = 0;
  while (std::abs(value) >= 999.5 && unit + 1 < N) {
    value /= 1000;
    ++unit;
  }
  const double size = std::abs(value);
  const bool whole = size >= (fine ? 99.95 : 9.95) || (unit == 0 && value == std::floor(value));
  const char* form = whole ? "%.0f%s" : unit == 0 && size < 1 ? "%.2g%s" : "%.1f%s";
  return printed(form, value, units[unit]);
}

}  // namespace

std::string short_number(const maybe& n) {
  constexpr std::array<const char*, 5> units{"", "k", "M", "G", "T"};
  return n ? scaled(*n, units, true) : nothing;
}

std::string whole_number(const maybe& n) { return n ? printed("%.0f%s", *n, "") : nothing; }

std::string short_percent(const maybe& share) { return share ? printed("%.1f%s", *share * 100, " %") : nothing; }

std::string short_bytes(const maybe& bytes) {
  constexpr std::array<const char*, 5> units{" B", " kB", " MB", " GB", " TB"};
  return bytes ? scaled(std::round(*bytes), units, true) : nothing;
}

std::string short_time(const maybe& us) {
  constexpr std::array<const char*, 3> units{" µs", " ms", " s"};
  return us ? scaled(*us, units, false) : nothing;
}

std::string clock_time(double seconds) {
  const auto s = static_cast<unsigned long long>(seconds < 0 ? 0 : seconds);
  std::array<char, 48> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%llu:%02llu:%02llu", s / 3600, s / 60 % 60, s % 60);
  return buffer.data();
}

}  // namespace freshet::cli

#include "kernels/base/hex.hpp"

namespace freshet {
namespace {

constexpr std::string_view digit_of = "0123456789abcdef";

}  // namespace

std::string to_hex(std::string_view bytes) {
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += digit_of[byte >> 4U];
    out += digit_of[byte & 15U];
  }
  return out;
}

std::string hex_of(content_hash hash) {
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out += digit_of[(hash.value >> static_cast<unsigned>(shift)) & 15U];
  return out;
}

std::optional<std::string> from_hex(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(digits.size() / 2);
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const std::size_t high = digit_of.find(digits[i]);
    const std::size_t low = digit_of.find(digits[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

}  // namespace freshet

#include "kernels/model/tokenizers/byte_alphabet.hpp"

#include "kernels/model/tokenizers/unicode.hpp"

#include <array>

namespace freshet::model {
namespace {

constexpr char32_t first_borrowed = 0x100;
constexpr std::size_t borrowed = 68;  // bytes that are not printable in Latin-1

bool stands_for_itself(unsigned byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

struct alphabet {
  std::array<char32_t, 256> character{};
  std::array<int, first_borrowed + borrowed> byte{};
  alphabet() {
    byte.fill(-1);
    char32_t next = first_borrowed;
    for (unsigned b = 0; b < 256; ++b) {
      character[b] = stands_for_itself(b) ? static_cast<char32_t>(b) : next++;
      byte[character[b]] = static_cast<int>(b);
    }
  }
};

const alphabet& table() {
  static const alphabet made;
  return made;
}

}  // namespace

char32_t byte_character(unsigned char byte) { return table().character[byte]; }

std::optional<std::string> bytes_of_alphabet(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const code_point c = code_point_at(text, at);
    if (c.value >= table().byte.size() || table().byte[c.value] < 0) return std::nullopt;
    out += static_cast<char>(table().byte[c.value]);
    at += c.bytes;
  }
  return out;
}

std::optional<unsigned char> fallback_byte(std::string_view piece) {
  if (piece.size() != 6 || piece.substr(0, 3) != "<0x" || piece[5] != '>') return std::nullopt;
  unsigned value = 0;
  for (const char c : piece.substr(3, 2)) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && !(c >= 'A' && c <= 'F') && !(c >= 'a' && c <= 'f')) return std::nullopt;
    const int nibble = digit ? c - '0' : (c & 0x5f) - 'A' + 10;
    value = value * 16 + static_cast<unsigned>(nibble);
  }
  return static_cast<unsigned char>(value);
}

}  // namespace freshet::model

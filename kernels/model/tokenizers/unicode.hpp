// Code points, their classes and composition, as tokenizers ask for them; categories and decompositions are
// utf8proc's (Unicode 15).
// Thread contract: free functions without state. Texts must be valid UTF-8 (valid_utf8 makes them so).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace freshet::model {

struct code_point {
  char32_t value = 0;
  std::size_t bytes = 1;
};

/// The code point that begins at byte `at`, which must lie within the text.
[[nodiscard]] inline code_point code_point_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[at + i])); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xe0) return {(lead & 0x1f) << 6 | (byte(1) & 0x3f), 2};
  if (lead < 0xf0) return {(lead & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f), 3};
  return {(lead & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f), 4};
}

void append_utf8(std::string& out, char32_t c);

/// What regular expressions call \p{L}, \p{N}, \s and the rest.
enum class char_class : std::uint8_t { other, letter, number, space };

[[nodiscard]] char_class class_past_ascii(char32_t c);

[[nodiscard]] inline char_class class_of(char32_t c) {
  if (c >= 0x80) return class_past_ascii(c);
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return char_class::letter;
  if (c >= '0' && c <= '9') return char_class::number;
  return c == ' ' || (c >= 9 && c <= 13) ? char_class::space : char_class::other;
}

/// \w: letters, marks, decimal digits, letter numbers, connectors and joiners.
[[nodiscard]] bool is_word_char(char32_t c);

/// Normalisation form C (Unicode annex 15), in time n log n at worst, also for long runs of marks.
[[nodiscard]] std::string composed(std::string_view text);

}  // namespace freshet::model

// GPT-2's alphabet: a printable character for each of the 256 bytes, so that vocabularies of bytes can be JSON.
// Thread contract: free functions without state.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace freshet::model {

/// The character that stands for a byte.
[[nodiscard]] char32_t byte_character(unsigned char byte);

/// The bytes that a text in the alphabet stands for; nothing when it has a character of no byte.
[[nodiscard]] std::optional<std::string> bytes_of_alphabet(std::string_view text);

/// The byte of a piece of the form <0x0A> (SentencePiece's fallback), if it is one.
[[nodiscard]] std::optional<unsigned char> fallback_byte(std::string_view piece);

}  // namespace freshet::model

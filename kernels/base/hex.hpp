// Bytes as hexadecimal digits, for keys and hashes that people copy. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernels/base/ids.hpp"

namespace freshet {

/// Lower case, two digits a byte.
[[nodiscard]] std::string to_hex(std::string_view bytes);
/// Sixteen digits.
[[nodiscard]] std::string hex_of(content_hash hash);
/// Nothing unless the text is pairs of digits (0-9, a-f).
[[nodiscard]] std::optional<std::string> from_hex(std::string_view digits);

}  // namespace freshet

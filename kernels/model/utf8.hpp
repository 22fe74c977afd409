// UTF-8 that the world and untrained models produce, made valid.
// Thread contract: free functions without state.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace freshet::model {

/// The text with each ill-formed sequence replaced by U+FFFD; well-formed text comes back unchanged.
/// Overlong forms, surrogates and code points past U+10FFFF are ill-formed (Unicode 15, table 3-7); a
/// sequence that breaks off is replaced as one, up to the byte that breaks it.
std::string valid_utf8(std::string_view text);

/// How many bytes at the front are decided: all but a sequence at the end that more bytes may complete.
std::size_t decided_utf8(std::string_view text);

}  // namespace freshet::model

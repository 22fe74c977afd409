// Which tokens of a sample travel: the k that score highest or lowest, as a bitmap and as a list.
// Thread contract: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/base/fields.hpp"
#include "kernels/base/result.hpp"

namespace freshet::uncertainty {

/// Which end of a token score is kept. The words of arXiv 2312.16279 keep the high (uncertain)
/// end, its released code the low one.
enum class polarity : std::uint8_t { keep_high, keep_low };
result<polarity> parse_polarity(std::string_view name);  ///< "high" or "low"

struct token_selection {
  std::vector<std::uint8_t> bitmap;  ///< bit l (LSB first) = token l is kept; ceil(L/8) bytes
  std::vector<std::uint32_t> kept;   ///< ascending
  FRESHET_FIELDS(bitmap, kept)
};

/// round(share * tokens), at least 1 and at most `tokens`; 0 only of 0 tokens.
std::size_t kept_count(std::size_t tokens, double share);

/// Exactly min(count, size) tokens. Equal scores go to the smaller index; a score that is not a
/// number comes last at either end.
token_selection select_tokens(const std::vector<float>& scores, std::size_t count, polarity keep);

/// The indices that a bitmap of `tokens` tokens names. Refuses a wrong length and bits beyond the end.
result<std::vector<std::uint32_t>> kept_tokens(const std::vector<std::uint8_t>& bitmap, std::size_t tokens);

}  // namespace freshet::uncertainty

// Cuts text into the words that byte pairs are merged within: the regular expressions of GPT-2, Llama-3 and
// Qwen2 as scanners of linear time, and digits one by one (SmolLM2).
// Thread contract: plain values. Texts must be valid UTF-8.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace freshet::model {

enum class word_rule : std::uint8_t {
  whole,   ///< no cut
  gpt2,    ///< 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  llama3,  ///< (?i:'s|…)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
  qwen2,   ///< the same with \p{N} in place of \p{N}{1,3}
};

struct pre_tokenizer {
  bool single_digits = false;  ///< first every \p{N} on its own
  word_rule rule = word_rule::whole;

  /// Appends the words, in order; together they are the text.
  void split(std::string_view text, std::vector<std::string_view>& words) const;
};

}  // namespace freshet::model

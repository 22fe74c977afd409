// Tokens that stand beside a vocabulary and are looked for in the text before anything else is done to it:
// <s>, <image>, <|im_start|>. Leftmost first, of those the longest, as the reference's automaton finds them.
// Thread contract: immutable after construction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace freshet::model {

struct added_token {
  std::int32_t id = 0;
  std::string content;
  bool special = false;      ///< never read from a user's text, left out of what users see
  bool normalized = false;   ///< looked for after normalisation, in its normalised form
  bool single_word = false;  ///< only where no word character stands beside it
  bool lstrip = false;       ///< takes the white space on its left along
  bool rstrip = false;       ///< and on its right
};

/// The flags of a token, by their names in files of both kinds.
struct named_flag {
  const char* name;
  bool* value;
};
[[nodiscard]] inline std::array<named_flag, 5> flags_of(added_token& token) {
  return {{{"special", &token.special},
           {"normalized", &token.normalized},
           {"single_word", &token.single_word},
           {"lstrip", &token.lstrip},
           {"rstrip", &token.rstrip}}};
}

/// Bytes from `from` up to `to`.
struct byte_range {
  std::size_t from = 0;
  std::size_t to = 0;
};

/// A stretch of a text: one added token, or what stands between.
struct text_part {
  std::string_view text;
  std::optional<std::int32_t> token;
};

class token_finder {
 public:
  /// Contents that cost at most this much are accepted by readers of files; a search may take this long a byte.
  static constexpr std::size_t most_content_bytes = 1024;

  token_finder() : nodes_(1) {}
  /// `pattern` is what to look for, the content unless that was normalised.
  void add(const added_token& token, std::string_view pattern);
  /// Appends the parts of the text. Special tokens are found within one of the ranges `ours`, which rise and do
  /// not overlap; elsewhere they are text like any other.
  void split(std::string_view text, const std::vector<byte_range>& ours, std::vector<text_part>& parts) const;

 private:
  struct node {
    std::vector<std::pair<unsigned char, std::uint32_t>> next;
    std::int32_t token = -1;  ///< index into tokens_
  };
  struct found {
    std::int32_t token = -1;
    std::size_t bytes = 0;
  };
  [[nodiscard]] found longest_at(std::string_view text, std::size_t at, std::size_t specials_end) const;

  std::vector<node> nodes_;
  std::vector<added_token> tokens_;
  bool begins_[256] = {};
};

}  // namespace freshet::model

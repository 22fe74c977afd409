// The tokenizer of the built-in models: one token a known word, bytes for everything else.
//
// Text is split at white space; letters, digits, underscores and all bytes past ASCII form words, an
// apostrophe between two of them belongs to the word, any other character is a piece of its own. ASCII
// letters are lowered. A piece of the word list is one token; any other is its UTF-8 bytes, one token
// each, with <0x20> between two such pieces that white space parted.
//
// decode puts spaces between words and attaches punctuation: .,?!:;)]}%' to the left, ([{ to the right,
// - and / to both. So decode(encode(text)) is text up to case and spaces, and encoding that again gives
// the same ids. Ill-formed UTF-8 is read as U+FFFD.
//
// With specials, the four of them are read where they stand, and a whole text begins with <s>.
//
// Ids: 0 <pad>, 1 <s>, 2 </s>, 3 <image>, 4 to 259 the bytes <0x00> to <0xFF>, then the words in order.
// File freshet_tokenizer.json: {"format": "freshet-words", "version": 1, "words": ["what", ...]}
// Thread contract: immutable after construction.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/model/tokenizer.hpp"
#include "kernels/model/tokenizers/added_tokens.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace freshet::model {

class word_tokenizer final : public tokenizer {
 public:
  static constexpr std::int32_t pad_id = 0;
  static constexpr std::int32_t bos_id = 1;
  static constexpr std::int32_t eos_id = 2;
  static constexpr std::int32_t image_id = 3;
  static constexpr std::int32_t first_byte_id = 4;
  static constexpr std::int32_t first_word_id = first_byte_id + 256;
  static constexpr std::size_t most_words = 200'000;
  static constexpr std::size_t most_word_bytes = 128;
  static constexpr const char* file_name = "freshet_tokenizer.json";

  /// Each word must be one piece in lower case, and stand in the list once.
  static result<std::shared_ptr<const word_tokenizer>> make(std::vector<std::string> words);
  static result<std::shared_ptr<const word_tokenizer>> load(const std::filesystem::path& folder);
  /// The text of its file; `origin` is what messages call it.
  static result<std::shared_ptr<const word_tokenizer>> parse(std::string_view text, const std::string& origin);
  [[nodiscard]] result<void> save(const std::filesystem::path& folder) const;

  [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text) const override;
  [[nodiscard]] std::vector<std::int32_t> encode_with_specials(std::string_view text, text_frame frame) const override;
  /// Words never reach over joints here.
  [[nodiscard]] std::vector<std::int32_t> encode_prompt(const std::vector<prompt_part>& parts, bool at_start) const override;
  [[nodiscard]] std::optional<std::int32_t> find_token(std::string_view content) const override;
  [[nodiscard]] std::unique_ptr<text_stream> stream(special_text specials = special_text::leave_out) const override;
  [[nodiscard]] std::int32_t vocab_size() const noexcept override;
  [[nodiscard]] const special_tokens& specials() const noexcept override { return specials_; }
  [[nodiscard]] const std::vector<std::string>& words() const noexcept { return words_; }

 private:
  explicit word_tokenizer(std::vector<std::string> words);
  special_tokens specials_{pad_id, bos_id, eos_id, image_id};
  std::vector<std::string> words_;
  std::unordered_map<std::string, std::int32_t> id_of_;
  token_finder finder_;
};

/// The pieces of a text as a word_tokenizer sees them, in lower case.
std::vector<std::string> split_words(std::string_view text);

/// A word list for make(): the `most` commonest pieces of the texts, commonest first, ties by alphabet.
std::vector<std::string> collect_words(const std::vector<std::string>& texts, std::size_t most);

}  // namespace freshet::model

// The byte-pair tokenizers of Hugging Face's tokenizer.json: GPT-2's byte level (Qwen2, Llama-3, SmolLM2) and
// SentencePiece's with byte fallback (Llama-2, Mistral), ids and text as that library (0.23) gives them.
//
// What is not built in is an error that names it: other models than BPE, other regular expressions than those of
// pre_tokenize.hpp, dropout, affixes of words, normalisers past NFC, Prepend and Replace. `truncation` and
// `padding`, which say how batches are made, are read past, as transformers does.
//
// encode never yields a special token, also where one could be merged from text. Of byte-level vocabularies that
// lack a byte and an unknown token that byte is left out, as the library does. Letters that Unicode 16 added are
// none yet.
// Thread contract: immutable after construction.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/model/tokenizer.hpp"
#include "kernels/model/tokenizers/added_tokens.hpp"
#include "kernels/model/tokenizers/byte_pairs.hpp"
#include "kernels/model/tokenizers/piece_table.hpp"
#include "kernels/model/tokenizers/pre_tokenize.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace freshet::model {

/// A step before words are cut; NFC where `prepend` and `from` are empty.
struct normalizer_step {
  std::string prepend;  ///< goes before each text that is not empty
  std::string from;     ///< is replaced everywhere...
  std::string to;       ///< ...by this
};

[[nodiscard]] std::string normalise(const std::vector<normalizer_step>& steps, std::string_view text);

enum class metaspace_prepend : std::uint8_t { never, first, always };

/// Spaces as a visible character, with one before the text.
struct metaspace_step {
  std::string replacement;
  metaspace_prepend prepend = metaspace_prepend::always;
  bool split = true;  ///< each begins a word
  bool again = false;  ///< also before a text that begins with one (SentencePiece itself)
};

/// A tokenizer.json, read and checked (tokenizer_json.hpp), or the same from other files.
struct bpe_parts {
  bool byte_level = false;
  bool ignore_merges = false;  ///< a word that the vocabulary has whole is taken whole
  bool fuse_unknown = false;   ///< neighbouring unknown characters are one unknown token
  bool byte_fallback = false;
  std::optional<std::int32_t> unknown;
  bool prefix_space = false;   ///< byte level: a text that begins without a space is given one
  std::vector<normalizer_step> normalizers;
  std::optional<metaspace_step> metaspace;
  pre_tokenizer words;
  std::vector<std::pair<std::string, std::int32_t>> vocabulary;  ///< contents as merges see them: bytes at byte level
  std::vector<byte_pairs::merge> merges;
  std::vector<added_token> added;
  std::vector<std::int32_t> before;  ///< what a whole text begins with
  std::vector<std::int32_t> after;   ///< and ends with
  piece_table pieces;
  special_tokens specials;
};

class bpe_tokenizer final : public tokenizer {
 public:
  explicit bpe_tokenizer(bpe_parts parts);

  [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text) const override;
  [[nodiscard]] std::vector<std::int32_t> encode_with_specials(std::string_view text, text_frame frame) const override;
  [[nodiscard]] std::vector<std::int32_t> encode_prompt(const std::vector<prompt_part>& parts, bool at_start) const override;
  [[nodiscard]] std::optional<std::int32_t> find_token(std::string_view content) const override;
  [[nodiscard]] std::unique_ptr<text_stream> stream(special_text specials = special_text::leave_out) const override;
  [[nodiscard]] std::int32_t vocab_size() const noexcept override;
  [[nodiscard]] const special_tokens& specials() const noexcept override { return parts_.specials; }

 private:
  struct work;
  void encode_valid(const std::string& text, const std::vector<byte_range>& ours, bool at_start,
                    std::vector<std::int32_t>& ids) const;
  void encode_between(std::string_view text, bool at_start, bool ours, work& w) const;
  void encode_normalized(std::string_view text, bool at_start, work& w) const;
  void encode_word(std::string_view word, work& w) const;
  void put_characters(std::string_view word, work& w) const;

  bpe_parts parts_;
  byte_pairs pairs_;
  token_finder raw_;         ///< tokens that are looked for in the text as it came
  token_finder normalized_;  ///< and after normalisation
  bool has_normalized_ = false;
  std::unordered_map<std::string_view, std::int32_t> id_of_;  ///< of vocabulary and added tokens, into parts_
  std::array<std::int32_t, 256> byte_ids_{};
  std::string cut_before_;   ///< no merge spans its beginning, so words may be cut there; or empty
};

}  // namespace freshet::model

// Text to token ids and back: the interface that all tokenizers of model folders share.
// Thread contract: immutable after construction, use from anywhere; a text_stream is its caller's.
#pragma once

#include "kernels/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::model {

/// Ids with a meaning of their own; a vocabulary need not have all of them.
struct special_tokens {
  std::optional<std::int32_t> pad;
  std::optional<std::int32_t> bos;
  std::optional<std::int32_t> eos;
  std::optional<std::int32_t> image;  ///< stands where the image's features go in
};

/// Ids to text as they come. What push gives is certain: never half a character, never taken back.
class text_stream {
 public:
  text_stream() = default;
  text_stream(const text_stream&) = delete;
  text_stream& operator=(const text_stream&) = delete;
  virtual ~text_stream() = default;

  /// The text that this id made certain; often empty, sometimes of several ids.
  [[nodiscard]] virtual std::string push(std::int32_t id) = 0;
  /// What is left, with U+FFFD for what broke off. Nothing may be pushed after it.
  [[nodiscard]] virtual std::string finish() = 0;
};

/// What becomes of special tokens in decoded text.
enum class special_text : std::uint8_t { leave_out, show };

/// What goes around a text that is read with its specials: nothing, or what the model's post-processor puts there.
enum class text_frame : std::uint8_t { bare, whole };

/// A stretch of a prompt: what we wrote, special tokens included, or what a user wrote.
struct prompt_part {
  std::string_view text;
  bool ours = false;
};

class tokenizer {
 public:
  tokenizer() = default;
  tokenizer(const tokenizer&) = delete;
  tokenizer& operator=(const tokenizer&) = delete;
  virtual ~tokenizer() = default;

  /// For text of users. Never yields a special token: "<image>" typed by a user stays text. The caller places
  /// specials. (A piece that the vocabulary lacks may read as its unknown token.)
  [[nodiscard]] virtual std::vector<std::int32_t> encode(std::string_view text) const = 0;
  /// For text of ours, templates above all: special tokens are read as such, as the reference does. Never give
  /// it what a user wrote.
  [[nodiscard]] virtual std::vector<std::int32_t> encode_with_specials(std::string_view text, text_frame frame) const = 0;
  /// Both together as one text: special tokens are read where they are ours, words may reach over the joints.
  /// With `at_start` false a begin or another token stands before it.
  [[nodiscard]] virtual std::vector<std::int32_t> encode_prompt(const std::vector<prompt_part>& parts,
                                                                bool at_start) const = 0;
  /// The id of a token by the text that it stands for in its file, special or not.
  [[nodiscard]] virtual std::optional<std::int32_t> find_token(std::string_view content) const = 0;
  /// A stream that refers to this tokenizer.
  [[nodiscard]] virtual std::unique_ptr<text_stream> stream(special_text specials = special_text::leave_out) const = 0;
  // --- how its model is asked: plainly here, by the model's chat template in templated_tokenizer.hpp -----------
  /// From behind the picture to where the answer begins.
  [[nodiscard]] virtual std::vector<std::int32_t> question_ids(std::string_view question) const { return encode(question); }
  /// An answer with the token that ends it; the tokenizer must have one.
  [[nodiscard]] virtual std::vector<std::int32_t> answer_ids(std::string_view answer) const;
  /// What a generated answer says.
  [[nodiscard]] virtual std::string answer_text(const std::vector<std::int32_t>& ids) const { return decode(ids); }
  /// All that the template adds, for comparison: students of one line are asked alike. Empty for none.
  [[nodiscard]] virtual std::string frame_text() const { return {}; }
  /// The token that ends answers of this template; nothing = those of the model.
  [[nodiscard]] virtual std::optional<std::int32_t> answer_end() const { return std::nullopt; }
  /// What stands before every picture; nothing = what the model itself begins with.
  [[nodiscard]] virtual std::optional<std::vector<std::int32_t>> before_picture() const { return std::nullopt; }

  /// Ids are 0 to vocab_size() - 1.
  [[nodiscard]] virtual std::int32_t vocab_size() const noexcept = 0;
  [[nodiscard]] virtual const special_tokens& specials() const noexcept = 0;

  /// All of a stream at once. Valid UTF-8 whatever the ids; ids outside of the vocabulary (a model's may be
  /// padded beyond it) read as U+FFFD.
  [[nodiscard]] std::string decode(const std::vector<std::int32_t>& ids,
                                   special_text specials = special_text::leave_out) const;
};

/// The tokenizer of a model folder: freshet_tokenizer.json, else tokenizer.json, else tokenizer.model.
/// errc::unsupported names the part of a file that is not built in.
result<std::shared_ptr<const tokenizer>> load_tokenizer(const std::filesystem::path& folder);

}  // namespace freshet::model

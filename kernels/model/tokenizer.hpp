// Text to token ids and back: the interface that all tokenizers of model folders share.
// Thread contract: immutable after construction, use from anywhere.
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

class tokenizer {
 public:
  tokenizer() = default;
  tokenizer(const tokenizer&) = delete;
  tokenizer& operator=(const tokenizer&) = delete;
  virtual ~tokenizer() = default;

  /// Never yields a special token: "<image>" typed by a user stays text. The caller places specials.
  [[nodiscard]] virtual std::vector<std::int32_t> encode(std::string_view text) const = 0;
  /// Valid UTF-8 whatever the ids. Specials are left out; ids outside of the vocabulary (a model's may
  /// be padded beyond it) read as U+FFFD.
  [[nodiscard]] virtual std::string decode(const std::vector<std::int32_t>& ids) const = 0;
  /// Ids are 0 to vocab_size() - 1.
  [[nodiscard]] virtual std::int32_t vocab_size() const noexcept = 0;
  [[nodiscard]] virtual const special_tokens& specials() const noexcept = 0;
};

/// The tokenizer of a model folder. errc::unsupported, with the file's name, for kinds that are not built in.
result<std::shared_ptr<const tokenizer>> load_tokenizer(const std::filesystem::path& folder);

}  // namespace freshet::model

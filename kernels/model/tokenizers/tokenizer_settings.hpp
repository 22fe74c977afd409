// What tokenizer_config.json, special_tokens_map.json and added_tokens.json say beside a vocabulary: which tokens
// begin, end and pad, further added tokens, and how tokenizer.model is to be framed.
// Thread contract: plain values.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/model/tokenizer.hpp"
#include "kernels/model/tokenizers/added_tokens.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::model {

struct tokenizer_settings {
  std::optional<std::string> bos;
  std::optional<std::string> eos;
  std::optional<std::string> pad;
  std::optional<std::string> image;
  std::optional<bool> add_bos;     ///< of tokenizer.model; tokenizer.json has a post-processor for that
  std::optional<bool> add_eos;
  bool legacy = true;              ///< of tokenizer.model: also text after a special token begins with a space
  std::vector<added_token> added;  ///< with their ids
};

/// Files that are absent say nothing. errc::corrupt names file, key and value.
result<tokenizer_settings> load_tokenizer_settings(const std::filesystem::path& folder);
/// The text of a tokenizer_config.json.
result<tokenizer_settings> parse_tokenizer_config(std::string_view text, const std::string& origin);

/// The ids by name: as the settings say, else (image only) by the names that the supported families use.
special_tokens name_specials(const tokenizer_settings& settings,
                             const std::function<std::optional<std::int32_t>(std::string_view)>& find);

}  // namespace freshet::model

// Reads tokenizer.json, every part of it known or refused by name, and the tokens and names that
// tokenizer_config.json adds. Limits: 64 MiB, 8 million JSON values, 4 million ids, 4 KiB a token.
// Thread contract: free functions without state.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/model/tokenizers/bpe_tokenizer.hpp"
#include "kernels/model/tokenizers/tokenizer_settings.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace freshet::model {

/// `origin` stands first in every error. errc::unsupported for parts that are not built in, errc::corrupt for
/// what is malformed or contradicts itself.
result<bpe_parts> parse_tokenizer_json(std::string_view text, const std::string& origin,
                                       const tokenizer_settings& settings = {});

/// The same as a tokenizer.
result<std::shared_ptr<const tokenizer>> make_bpe_tokenizer(std::string_view text, const std::string& origin,
                                                            const tokenizer_settings& settings = {});

}  // namespace freshet::model

// The steps of tokenizer.json around the model: normalizer, pre_tokenizer, post_processor, decoder.
// Internal to tokenizer_json.cpp. Thread contract: free functions without state.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "kernels/base/result.hpp"
#include "kernels/model/tokenizers/bpe_tokenizer.hpp"

namespace freshet::model {

/// How decoders change a piece, beside what goes into the piece_table.
struct piece_decoder {
  bool byte_level = false;
  bool byte_fallback = false;
  std::vector<std::pair<std::string, std::string>> replacements;
};

/// Fill the parts of that name; `origin` is the file's name.
result<void> read_normalizer(const nlohmann::json& document, const std::string& origin, bpe_parts& out);
result<void> read_pre_tokenizer(const nlohmann::json& document, const std::string& origin, bpe_parts& out);
result<void> read_post_processor(const nlohmann::json& document, const std::string& origin, bpe_parts& out);
result<piece_decoder> read_decoder(const nlohmann::json& document, const std::string& origin, bpe_parts& out);

/// "FILE: key = value: what would be right"
error json_problem(errc code, const std::string& origin, const std::string& key, const nlohmann::json& value,
                   const std::string& right);
/// A member of an object; null where it is absent.
const nlohmann::json& member(const nlohmann::json& object, const char* key);
/// errc::unsupported for a member whose name is none of these.
result<void> only_keys(const nlohmann::json& object, std::initializer_list<const char*> known, const std::string& origin,
                       const std::string& key);
/// A flag; absent and null mean `fallback`.
result<bool> flag_of(const nlohmann::json& object, const char* key, bool fallback, const std::string& origin,
                     const std::string& path);

}  // namespace freshet::model

#include "kernels/model/tokenizers/tokenizer_settings.hpp"

#include "kernels/model/strict_json.hpp"
#include "kernels/model/whole_file.hpp"

#include <limits>
#include <utility>

namespace freshet::model {
namespace {

using nlohmann::json;

constexpr std::size_t most_file_bytes = std::size_t{16} << 20;

error wrong(const std::string& origin, const std::string& key, const std::string& right) {
  return error{errc::corrupt, origin + ": " + key + ": must be " + right};
}

/// "<s>", {"content": "<s>", ...} or null.
result<std::optional<std::string>> token_text(const json& document, const char* key, const std::string& origin) {
  const auto at = document.find(key);
  if (at == document.end() || at->is_null()) return std::optional<std::string>();
  const json* text = &*at;
  if (text->is_object() && text->contains("content")) text = &(*text)["content"];
  if (!text->is_string()) return wrong(origin, key, "a token's text, or an object with its content");
  return std::optional<std::string>(text->get<std::string>());
}

result<std::optional<bool>> flag(const json& document, const char* key, const std::string& origin) {
  const auto at = document.find(key);
  if (at == document.end() || at->is_null()) return std::optional<bool>();
  if (!at->is_boolean()) return wrong(origin, key, "true or false");
  return std::optional<bool>(at->get<bool>());
}

result<std::int32_t> id_of(const json& value, const std::string& origin, const std::string& key) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::numeric_limits<std::int32_t>::max()) {
    return wrong(origin, key, "a token id, 0 or more");
  }
  return value.get<std::int32_t>();
}

result<void> take_names(const json& document, const std::string& origin, tokenizer_settings& out) {
  const std::pair<const char*, std::optional<std::string>*> names[] = {
      {"bos_token", &out.bos}, {"eos_token", &out.eos},     {"pad_token", &out.pad},
      {"image_token", &out.image}};
  for (const auto& [key, into] : names) {
    FRESHET_TRY_ASSIGN(auto text, token_text(document, key, origin));
    if (text) *into = std::move(text);
  }
  return {};
}

result<void> take_added(const json& document, const std::string& origin, tokenizer_settings& out) {
  const auto at = document.find("added_tokens_decoder");
  if (at == document.end() || at->is_null()) return {};
  if (!at->is_object()) return wrong(origin, "added_tokens_decoder", "an object from ids to tokens");
  for (const auto& [key, value] : at->items()) {
    const std::string path = "added_tokens_decoder." + key;
    const json number = json::parse(key, nullptr, false);
    FRESHET_TRY_ASSIGN(const std::int32_t id, id_of(number, origin, path));
    if (!value.is_object()) return wrong(origin, path, "an object");
    FRESHET_TRY_ASSIGN(const auto text, token_text(value, "content", origin + ": " + path));
    if (!text || text->empty()) return wrong(origin, path + ".content", "the token's text");
    added_token token;
    token.id = id;
    token.content = *text;
    for (const auto& [name, into] : flags_of(token)) {
      FRESHET_TRY_ASSIGN(const auto set, flag(value, name, origin + ": " + path));
      *into = set.value_or(false);
    }
    out.added.push_back(std::move(token));
  }
  return {};
}

result<std::optional<json>> read(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::optional<json>();
  FRESHET_TRY_ASSIGN(const std::string text, read_whole_file(path, most_file_bytes));
  FRESHET_TRY_ASSIGN(json document, parse_json(text, path.string()));
  if (!document.is_object()) return error{errc::corrupt, path.string() + ": must be a JSON object"};
  return std::optional<json>(std::move(document));
}

result<void> take_config(const json& document, const std::string& origin, tokenizer_settings& out) {
  FRESHET_TRY(take_names(document, origin, out));
  FRESHET_TRY_ASSIGN(out.add_bos, flag(document, "add_bos_token", origin));
  FRESHET_TRY_ASSIGN(out.add_eos, flag(document, "add_eos_token", origin));
  FRESHET_TRY_ASSIGN(const auto legacy, flag(document, "legacy", origin));
  out.legacy = legacy.value_or(true);
  return take_added(document, origin, out);
}

}  // namespace

result<tokenizer_settings> parse_tokenizer_config(std::string_view text, const std::string& origin) {
  FRESHET_TRY_ASSIGN(const json document, parse_json(text, origin));
  if (!document.is_object()) return error{errc::corrupt, origin + ": must be a JSON object"};
  tokenizer_settings out;
  FRESHET_TRY(take_config(document, origin, out));
  return out;
}

result<tokenizer_settings> load_tokenizer_settings(const std::filesystem::path& folder) {
  tokenizer_settings out;
  const auto map = folder / "special_tokens_map.json";
  FRESHET_TRY_ASSIGN(const auto names, read(map));
  if (names) FRESHET_TRY(take_names(*names, map.string(), out));
  const auto config = folder / "tokenizer_config.json";
  FRESHET_TRY_ASSIGN(const auto settings, read(config));
  if (settings) FRESHET_TRY(take_config(*settings, config.string(), out));
  // What slow tokenizers of old keep instead of added_tokens_decoder: text to id.
  const auto old = folder / "added_tokens.json";
  FRESHET_TRY_ASSIGN(const auto added, read(old));
  if (added) {
    for (const auto& [text, value] : added->items()) {
      FRESHET_TRY_ASSIGN(const std::int32_t id, id_of(value, old.string(), in_quotes(text)));
      if (text.empty()) return wrong(old.string(), in_quotes(text), "a token's text");
      bool known = false;
      for (const added_token& token : out.added) known = known || token.content == text;
      if (known) continue;
      added_token token;
      token.id = id;
      token.content = text;
      token.special = true;
      out.added.push_back(std::move(token));
    }
  }
  return out;
}

special_tokens name_specials(const tokenizer_settings& settings,
                             const std::function<std::optional<std::int32_t>(std::string_view)>& find) {
  const auto by_name = [&](const std::optional<std::string>& name) {
    return name ? find(*name) : std::optional<std::int32_t>();
  };
  special_tokens out{by_name(settings.pad), by_name(settings.bos), by_name(settings.eos), by_name(settings.image)};
  for (const char* name : {"<image>", "<|image_pad|>", "<|image|>"}) {
    if (!out.image) out.image = find(name);
  }
  return out;
}

}  // namespace freshet::model

#include "kernels/model/tokenizers/tokenizer_steps.hpp"

#include "kernels/model/config_section.hpp"
#include "kernels/model/strict_json.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace freshet::model {
namespace {

using nlohmann::json;

constexpr std::size_t most_steps = 16;
constexpr std::size_t most_template_ids = 64;

constexpr const char* gpt2_regex =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* llama3_regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* qwen2_regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct step {
  const json* node;
  std::string path;
  std::string type;
};

result<std::string> type_of(const json& node, const std::string& origin, const std::string& path) {
  if (!node.is_object()) return json_problem(errc::corrupt, origin, path, node, "must be an object with a type");
  const json& type = member(node, "type");
  if (!type.is_string()) return json_problem(errc::corrupt, origin, path + ".type", type, "must be a string");
  return type.get<std::string>();
}

/// The steps of a node, a Sequence (whose steps stand under `inner`) flattened.
result<void> collect(const json& node, const char* inner, const std::string& origin, const std::string& path,
                     std::vector<step>& out) {
  if (node.is_null()) return {};
  FRESHET_TRY_ASSIGN(const std::string type, type_of(node, origin, path));
  if (type != "Sequence") {
    if (out.size() >= most_steps) {
      return error{errc::too_large, origin + ": " + path + ": more than " + std::to_string(most_steps) + " steps"};
    }
    out.push_back({&node, path, type});
    return {};
  }
  FRESHET_TRY(only_keys(node, {"type", inner}, origin, path));
  const json& list = member(node, inner);
  if (!list.is_array()) return json_problem(errc::corrupt, origin, path + "." + inner, list, "must be a list of steps");
  std::size_t number = 0;
  for (const json& item : list) {
    FRESHET_TRY(collect(item, inner, origin, path + "." + inner + "[" + std::to_string(number++) + "]", out));
  }
  return {};
}

error unknown_step(const std::string& origin, const step& s, const std::string& known) {
  return json_problem(errc::unsupported, origin, s.path + ".type", json(s.type), "is not built in; " + known + " are");
}

result<std::string> text_of(const step& s, const char* key, const std::string& origin) {
  const json& value = member(*s.node, key);
  if (!value.is_string()) return json_problem(errc::corrupt, origin, s.path + "." + key, value, "must be a string");
  return value.get<std::string>();
}

/// {"String": " "}; regular expressions are refused.
result<std::string> string_pattern(const step& s, const std::string& origin) {
  const json& pattern = member(*s.node, "pattern");
  const json& text = member(pattern, "String");
  if (!text.is_string() || text.get_ref<const std::string&>().empty()) {
    return json_problem(errc::unsupported, origin, s.path + ".pattern", pattern,
                        "only {\"String\": ...} with a text that is not empty is built in");
  }
  return text.get<std::string>();
}

result<word_rule> rule_of(const step& s, const std::string& origin) {
  const json& pattern = member(*s.node, "pattern");
  const json& regex = member(pattern, "Regex");
  const std::string path = s.path + ".pattern";
  if (!regex.is_string()) {
    return json_problem(errc::unsupported, origin, path, pattern, "only {\"Regex\": ...} is built in for Split");
  }
  const json& behavior = member(*s.node, "behavior");
  if (behavior != "Isolated") {
    return json_problem(errc::unsupported, origin, s.path + ".behavior", behavior, "only \"Isolated\" is built in");
  }
  FRESHET_TRY_ASSIGN(const bool invert, flag_of(*s.node, "invert", false, origin, s.path));
  if (invert) return json_problem(errc::unsupported, origin, s.path + ".invert", true, "must be false");
  if (regex == gpt2_regex) return word_rule::gpt2;
  if (regex == llama3_regex) return word_rule::llama3;
  if (regex == qwen2_regex) return word_rule::qwen2;
  return json_problem(errc::unsupported, origin, path + ".Regex", regex,
                      "is none of the regular expressions of GPT-2, Llama-3 and Qwen2, which are built in");
}

result<void> take_byte_level(const step& s, const std::string& origin, bpe_parts& out) {
  FRESHET_TRY(only_keys(*s.node, {"type", "add_prefix_space", "trim_offsets", "use_regex"}, origin, s.path));
  FRESHET_TRY_ASSIGN(out.prefix_space, flag_of(*s.node, "add_prefix_space", true, origin, s.path));
  FRESHET_TRY_ASSIGN(const bool regex, flag_of(*s.node, "use_regex", true, origin, s.path));
  const bool cut = out.words.single_digits || out.words.rule != word_rule::whole;
  if (out.prefix_space && cut) {
    return json_problem(errc::unsupported, origin, s.path + ".add_prefix_space", true,
                        "after another step must be false");
  }
  if (regex && out.words.rule != word_rule::whole) {
    return json_problem(errc::unsupported, origin, s.path + ".use_regex", true, "after Split must be false");
  }
  if (regex) out.words.rule = word_rule::gpt2;
  out.byte_level = true;
  return {};
}

result<void> take_metaspace(const step& s, const std::string& origin, bpe_parts& out) {
  FRESHET_TRY(only_keys(*s.node, {"type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"}, origin,
                        s.path));
  metaspace_step made;
  FRESHET_TRY_ASSIGN(made.replacement, text_of(s, "replacement", origin));
  if (made.replacement.empty()) {
    return json_problem(errc::corrupt, origin, s.path + ".replacement", json(""), "must be a character");
  }
  FRESHET_TRY_ASSIGN(made.split, flag_of(*s.node, "split", true, origin, s.path));
  // What older files say instead of prepend_scheme.
  FRESHET_TRY_ASSIGN(const bool prefix, flag_of(*s.node, "add_prefix_space", true, origin, s.path));
  made.prepend = prefix ? metaspace_prepend::always : metaspace_prepend::never;
  const json& scheme = member(*s.node, "prepend_scheme");
  if (scheme == "always") {
    made.prepend = metaspace_prepend::always;
  } else if (scheme == "first") {
    made.prepend = metaspace_prepend::first;
  } else if (scheme == "never") {
    made.prepend = metaspace_prepend::never;
  } else if (!scheme.is_null()) {
    return json_problem(errc::corrupt, origin, s.path + ".prepend_scheme", scheme, "must be always, first or never");
  }
  out.metaspace = std::move(made);
  return {};
}

/// {"SpecialToken": {"id": "<s>"}} as the ids that special_tokens gives it.
result<void> take_template_token(const json& name, const step& s, const std::string& origin,
                                 std::vector<std::int32_t>& out) {
  if (!name.is_string()) return json_problem(errc::corrupt, origin, s.path + ".single", name, "must name a token");
  const json& entry = member(member(*s.node, "special_tokens"), name.get_ref<const std::string&>().c_str());
  const json& ids = member(entry, "ids");
  const std::string path = s.path + ".special_tokens." + in_quotes(name.get_ref<const std::string&>()) + ".ids";
  if (!ids.is_array() || ids.size() > most_template_ids) {
    return json_problem(errc::corrupt, origin, path, ids,
                        "must be a list of at most " + std::to_string(most_template_ids) + " ids");
  }
  for (const json& id : ids) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > std::numeric_limits<std::int32_t>::max()) {
      return json_problem(errc::corrupt, origin, path, id, "must be a token id");
    }
    out.push_back(id.get<std::int32_t>());
  }
  return {};
}

result<void> take_template(const step& s, const std::string& origin, bpe_parts& out) {
  FRESHET_TRY(only_keys(*s.node, {"type", "single", "pair", "special_tokens"}, origin, s.path));
  const json& single = member(*s.node, "single");
  if (!single.is_array() || single.size() > most_template_ids) {
    return json_problem(errc::corrupt, origin, s.path + ".single", single, "must be a list of pieces");
  }
  std::size_t texts = 0;
  for (const json& piece : single) {
    if (const json& token = member(piece, "SpecialToken"); !token.is_null()) {
      FRESHET_TRY(take_template_token(member(token, "id"), s, origin, texts == 0 ? out.before : out.after));
    } else if (member(member(piece, "Sequence"), "id") == "A") {
      ++texts;
    } else {
      return json_problem(errc::unsupported, origin, s.path + ".single", piece, "must be SpecialToken or Sequence A");
    }
  }
  if (texts != 1) {
    return error{errc::corrupt, origin + ": " + s.path + ".single: must have the text, Sequence A, once"};
  }
  return {};
}

}  // namespace

error json_problem(errc code, const std::string& origin, const std::string& key, const json& value,
                   const std::string& right) {
  return error{code, origin + ": " + key + " = " + shown(value) + ": " + right};
}

const json& member(const json& object, const char* key) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto at = object.find(key);
  return at == object.end() ? nothing : *at;
}

result<void> only_keys(const json& object, std::initializer_list<const char*> known, const std::string& origin,
                       const std::string& key) {
  for (const auto& item : object.items()) {
    const bool fine = std::any_of(known.begin(), known.end(), [&](const char* name) { return item.key() == name; });
    if (fine) continue;
    return json_problem(errc::unsupported, origin, (key.empty() ? "" : key + ".") + in_quotes(item.key()), item.value(),
                        "is not built in");
  }
  return {};
}

result<bool> flag_of(const json& object, const char* key, bool fallback, const std::string& origin,
                     const std::string& path) {
  const json& value = member(object, key);
  if (value.is_null()) return fallback;
  if (!value.is_boolean()) return json_problem(errc::corrupt, origin, path + "." + key, value, "must be true or false");
  return value.get<bool>();
}

result<void> read_normalizer(const json& document, const std::string& origin, bpe_parts& out) {
  std::vector<step> steps;
  FRESHET_TRY(collect(member(document, "normalizer"), "normalizers", origin, "normalizer", steps));
  for (const step& s : steps) {
    normalizer_step made;
    if (s.type == "Prepend") {
      FRESHET_TRY(only_keys(*s.node, {"type", "prepend"}, origin, s.path));
      FRESHET_TRY_ASSIGN(made.prepend, text_of(s, "prepend", origin));
      if (made.prepend.empty()) continue;
    } else if (s.type == "Replace") {
      FRESHET_TRY(only_keys(*s.node, {"type", "pattern", "content"}, origin, s.path));
      FRESHET_TRY_ASSIGN(made.from, string_pattern(s, origin));
      FRESHET_TRY_ASSIGN(made.to, text_of(s, "content", origin));
    } else if (s.type == "NFC") {
      FRESHET_TRY(only_keys(*s.node, {"type"}, origin, s.path));
    } else {
      return unknown_step(origin, s, "NFC, Prepend, Replace and Sequence");
    }
    out.normalizers.push_back(std::move(made));
  }
  return {};
}

result<void> read_pre_tokenizer(const json& document, const std::string& origin, bpe_parts& out) {
  std::vector<step> steps;
  FRESHET_TRY(collect(member(document, "pre_tokenizer"), "pretokenizers", origin, "pre_tokenizer", steps));
  for (const step& s : steps) {
    const bool cut = out.words.single_digits || out.words.rule != word_rule::whole;
    if (out.byte_level || out.metaspace) {
      return json_problem(errc::unsupported, origin, s.path + ".type", json(s.type),
                          "nothing may follow ByteLevel or Metaspace");
    }
    if (s.type == "ByteLevel") {
      FRESHET_TRY(take_byte_level(s, origin, out));
    } else if (s.type == "Metaspace" && !cut) {
      FRESHET_TRY(take_metaspace(s, origin, out));
    } else if (s.type == "Digits" && !cut) {
      FRESHET_TRY(only_keys(*s.node, {"type", "individual_digits"}, origin, s.path));
      FRESHET_TRY_ASSIGN(out.words.single_digits, flag_of(*s.node, "individual_digits", false, origin, s.path));
      if (!out.words.single_digits) {
        return json_problem(errc::unsupported, origin, s.path + ".individual_digits", false, "must be true");
      }
    } else if (s.type == "Split" && out.words.rule == word_rule::whole) {
      FRESHET_TRY(only_keys(*s.node, {"type", "pattern", "behavior", "invert"}, origin, s.path));
      FRESHET_TRY_ASSIGN(out.words.rule, rule_of(s, origin));
    } else {
      return unknown_step(origin, s, "Digits, Split and ByteLevel in this order, and Metaspace alone,");
    }
  }
  return {};
}

result<void> read_post_processor(const json& document, const std::string& origin, bpe_parts& out) {
  std::vector<step> steps;
  FRESHET_TRY(collect(member(document, "post_processor"), "processors", origin, "post_processor", steps));
  bool have = false;
  for (const step& s : steps) {
    if (s.type == "ByteLevel") continue;  // it moves offsets, which we have none of
    if (s.type != "TemplateProcessing") return unknown_step(origin, s, "ByteLevel and TemplateProcessing");
    if (have) return json_problem(errc::unsupported, origin, s.path, json(s.type), "stands there twice");
    have = true;
    FRESHET_TRY(take_template(s, origin, out));
  }
  return {};
}

result<piece_decoder> read_decoder(const json& document, const std::string& origin, bpe_parts& out) {
  std::vector<step> steps;
  FRESHET_TRY(collect(member(document, "decoder"), "decoders", origin, "decoder", steps));
  if (steps.empty()) {
    return json_problem(errc::unsupported, origin, "decoder", nullptr,
                        "must be ByteLevel, Metaspace or a Sequence of Replace, ByteFallback, Fuse and Strip");
  }
  piece_decoder made;
  out.pieces.growth = text_growth::pieces;
  bool fused = false;
  for (const step& s : steps) {
    const bool alone = steps.size() == 1;
    if (s.type == "ByteLevel" && alone) {
      made.byte_level = true;
      out.pieces.growth = text_growth::bytes;
    } else if (s.type == "Metaspace" && alone) {
      bpe_parts read;
      FRESHET_TRY(take_metaspace(s, origin, read));
      made.replacements.emplace_back(read.metaspace->replacement, " ");
      if (read.metaspace->prepend != metaspace_prepend::never) out.pieces.drop_in_first = " ";
    } else if (s.type == "Replace" && !made.byte_fallback && !fused) {
      FRESHET_TRY(only_keys(*s.node, {"type", "pattern", "content"}, origin, s.path));
      FRESHET_TRY_ASSIGN(std::string from, string_pattern(s, origin));
      FRESHET_TRY_ASSIGN(std::string to, text_of(s, "content", origin));
      made.replacements.emplace_back(std::move(from), std::move(to));
    } else if (s.type == "ByteFallback" && !fused) {
      made.byte_fallback = true;
    } else if (s.type == "Fuse") {
      fused = true;
    } else if (s.type == "Strip" && fused && out.pieces.strip.empty()) {
      FRESHET_TRY(only_keys(*s.node, {"type", "content", "start", "stop"}, origin, s.path));
      FRESHET_TRY_ASSIGN(out.pieces.strip, text_of(s, "content", origin));
      const json& start = member(*s.node, "start");
      const json& stop = member(*s.node, "stop");
      if (!start.is_number_unsigned() || start.get<std::uint64_t>() > most_template_ids) {
        return json_problem(errc::corrupt, origin, s.path + ".start", start, "must lie in 0 to 64");
      }
      if (stop != 0) return json_problem(errc::unsupported, origin, s.path + ".stop", stop, "must be 0");
      out.pieces.strip_times = start.get<std::size_t>();
    } else {
      return unknown_step(origin, s, "ByteLevel or Metaspace alone and Replace, ByteFallback, Fuse, Strip in this order");
    }
  }
  return made;
}

}  // namespace freshet::model

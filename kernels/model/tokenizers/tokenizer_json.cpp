#include "kernels/model/tokenizers/tokenizer_json.hpp"

#include "kernels/model/strict_json.hpp"
#include "kernels/model/tokenizers/byte_alphabet.hpp"
#include "kernels/model/tokenizers/tokenizer_steps.hpp"
#include "kernels/model/tokenizers/unicode.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace freshet::model {
namespace {

using nlohmann::json;

constexpr json_limits limits{32, 8'000'000};
constexpr std::size_t most_ids = 4'000'000;
constexpr std::size_t most_holes = 65'536;  // so that a short file cannot ask for a long table
constexpr std::size_t most_token_bytes = 4096;

/// Builds the parts in the order in which they need each other.
class reader {
 public:
  reader(const json& document, const std::string& origin, const tokenizer_settings& settings)
      : document_(document), model_(member(document, "model")), origin_(origin), settings_(settings) {}

  result<bpe_parts> read() {
    FRESHET_TRY(only_keys(document_,
                          {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                           "post_processor", "decoder", "model"},
                          origin_, ""));
    FRESHET_TRY(read_model_kind());
    limit_ids();
    FRESHET_TRY(read_normalizer(document_, origin_, out_));
    FRESHET_TRY(read_pre_tokenizer(document_, origin_, out_));
    FRESHET_TRY(read_post_processor(document_, origin_, out_));
    FRESHET_TRY_ASSIGN(decoder_, read_decoder(document_, origin_, out_));
    if (decoder_.byte_level != out_.byte_level) {
      return json_problem(errc::unsupported, origin_, "decoder", decoder_.byte_level,
                          "ByteLevel must stand in both pre_tokenizer and decoder, or in neither");
    }
    if (out_.byte_level && out_.byte_fallback) {
      return json_problem(errc::unsupported, origin_, "model.byte_fallback", true, "must be false beside ByteLevel");
    }
    FRESHET_TRY(read_vocabulary());
    FRESHET_TRY(read_added());
    FRESHET_TRY(read_merges());
    FRESHET_TRY(check_fallback());
    fill_words();
    FRESHET_TRY(check_template());
    out_.specials = name_specials(settings_, [this](std::string_view name) { return find(std::string(name)); });
    if (!out_.specials.bos && !out_.before.empty()) out_.specials.bos = out_.before.front();
    return std::move(out_);
  }

 private:
  result<void> read_model_kind() {
    if (!model_.is_object()) return json_problem(errc::corrupt, origin_, "model", model_, "must be an object");
    const json& type = member(model_, "type");
    if (!type.is_null() && type != "BPE") {
      return json_problem(errc::unsupported, origin_, "model.type", type, "only \"BPE\" is built in");
    }
    FRESHET_TRY(only_keys(model_,
                          {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
                           "byte_fallback", "ignore_merges", "vocab", "merges"},
                          origin_, "model"));
    const json& dropout = member(model_, "dropout");
    if (!dropout.is_null() && dropout != 0.0) {
      return json_problem(errc::unsupported, origin_, "model.dropout", dropout, "must be null or 0");
    }
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const json& affix = member(model_, key);
      if (affix.is_null() || affix == "") continue;
      return json_problem(errc::unsupported, origin_, std::string("model.") + key, affix, "must be null or empty");
    }
    FRESHET_TRY_ASSIGN(out_.fuse_unknown, flag_of(model_, "fuse_unk", false, origin_, "model"));
    FRESHET_TRY_ASSIGN(out_.byte_fallback, flag_of(model_, "byte_fallback", false, origin_, "model"));
    FRESHET_TRY_ASSIGN(out_.ignore_merges, flag_of(model_, "ignore_merges", false, origin_, "model"));
    return {};
  }

  result<std::int32_t> id_of(const json& value, const std::string& path) const {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= id_end_) {
      return json_problem(errc::corrupt, origin_, path, value, "must be an id, 0 to " + std::to_string(id_end_ - 1));
    }
    return value.get<std::int32_t>();
  }

  /// Ids are expected without large holes.
  void limit_ids() {
    const std::size_t tokens =
        member(model_, "vocab").size() + member(document_, "added_tokens").size() + settings_.added.size();
    id_end_ = std::min(most_ids, tokens + most_holes);
  }

  [[nodiscard]] std::optional<std::int32_t> find(const std::string& content) const {
    if (const auto known = added_ids_.find(content); known != added_ids_.end()) return known->second;
    if (const auto known = ids_.find(content); known != ids_.end()) return known->second;
    return std::nullopt;
  }

  decoded_piece& piece_at(std::int32_t id) {
    const auto at = static_cast<std::size_t>(id);
    if (out_.pieces.pieces.size() <= at) out_.pieces.pieces.resize(at + 1);
    return out_.pieces.pieces[at];
  }

  [[nodiscard]] decoded_piece decoded(const std::string& content) const {
    decoded_piece piece;
    piece.present = true;
    piece.text = content;
    if (decoder_.byte_level) {
      if (auto bytes = bytes_of_alphabet(content)) piece.text = std::move(*bytes);
      return piece;
    }
    for (const auto& [from, to] : decoder_.replacements) piece.text = replaced(piece.text, from, to);
    if (!decoder_.byte_fallback) return piece;
    if (const auto byte = fallback_byte(piece.text)) {
      piece.single_byte = true;
      piece.text = std::string(1, static_cast<char>(*byte));
    }
    return piece;
  }

  result<void> check_content(const std::string& content, const std::string& path) const {
    if (content.size() > most_token_bytes) {
      return error{errc::too_large, origin_ + ": " + path + ": " + std::to_string(content.size()) + " bytes, at most " +
                                        std::to_string(most_token_bytes) + " are accepted"};
    }
    return {};
  }

  result<void> read_vocabulary() {
    const json& vocabulary = member(model_, "vocab");
    if (!vocabulary.is_object()) {
      return json_problem(errc::corrupt, origin_, "model.vocab", vocabulary, "must be an object from tokens to ids");
    }
    ids_.reserve(vocabulary.size());
    for (const auto& [content, value] : vocabulary.items()) {
      const std::string path = "model.vocab." + in_quotes(content);
      FRESHET_TRY(check_content(content, path));
      FRESHET_TRY_ASSIGN(const std::int32_t id, id_of(value, path));
      decoded_piece& piece = piece_at(id);
      if (piece.present) return json_problem(errc::corrupt, origin_, path, value, "another token has this id already");
      piece = decoded(content);
      ids_.emplace(content, id);
    }
    const json& unknown = member(model_, "unk_token");
    if (unknown.is_null()) return {};
    const auto known = unknown.is_string() ? ids_.find(unknown.get<std::string>()) : ids_.end();
    if (known == ids_.end()) {
      return json_problem(errc::corrupt, origin_, "model.unk_token", unknown, "must be a token of model.vocab or null");
    }
    out_.unknown = known->second;
    return {};
  }

  result<void> read_added() {
    const json& list = member(document_, "added_tokens");
    if (!list.is_null() && !list.is_array()) {
      return json_problem(errc::corrupt, origin_, "added_tokens", list, "must be a list");
    }
    std::size_t number = 0;
    for (const json& item : list) {
      const std::string path = "added_tokens[" + std::to_string(number++) + "]";
      if (!item.is_object()) return json_problem(errc::corrupt, origin_, path, item, "must be an object");
      FRESHET_TRY(only_keys(item, {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"}, origin_,
                            path));
      added_token token;
      FRESHET_TRY_ASSIGN(token.id, id_of(member(item, "id"), path + ".id"));
      const json& content = member(item, "content");
      if (!content.is_string() || content.get_ref<const std::string&>().empty()) {
        return json_problem(errc::corrupt, origin_, path + ".content", content, "must be a text that is not empty");
      }
      token.content = content.get<std::string>();
      for (const auto& [name, into] : flags_of(token)) {
        FRESHET_TRY_ASSIGN(*into, flag_of(item, name, false, origin_, path));
      }
      FRESHET_TRY(add(token, path));
    }
    for (const added_token& token : settings_.added) {
      const std::string path = "the added token " + in_quotes(token.content) + " of tokenizer_config.json or added_tokens.json";
      const auto known = added_ids_.find(token.content);
      if (known == added_ids_.end()) {
        FRESHET_TRY(add(token, path));
      } else if (known->second != token.id) {
        return json_problem(errc::corrupt, origin_, path, token.id, "the id is " + std::to_string(known->second) + " here");
      }
    }
    return {};
  }

  result<void> add(const added_token& token, const std::string& path) {
    FRESHET_TRY(id_of(static_cast<std::uint32_t>(token.id), path + ".id"));
    if (token.content.size() > token_finder::most_content_bytes) {
      return error{errc::too_large, origin_ + ": " + path + ".content: " + std::to_string(token.content.size()) +
                                        " bytes, at most " + std::to_string(token_finder::most_content_bytes) +
                                        " are accepted"};
    }
    const auto in_words = ids_.find(token.content);
    if (in_words != ids_.end() && in_words->second != token.id) {
      return json_problem(errc::corrupt, origin_, path + ".id", token.id,
                          "model.vocab gives " + in_quotes(token.content) + " the id " + std::to_string(in_words->second));
    }
    decoded_piece& piece = piece_at(token.id);
    if (in_words == ids_.end() && piece.present) {
      return json_problem(errc::corrupt, origin_, path + ".id", token.id, "another token has this id already");
    }
    if (!added_ids_.emplace(token.content, token.id).second) {
      return json_problem(errc::corrupt, origin_, path + ".content", json(token.content), "is added twice");
    }
    // A token that is looked for in its normalised form reads as that.
    piece = decoded(token.normalized ? normalise(out_.normalizers, token.content) : token.content);
    piece.special = token.special;
    if (token.special) {
      FRESHET_TRY(check_no_letter(token, path));
      special_ids_.insert(token.id);
    }
    out_.added.push_back(token);
    return {};
  }

  /// A special of one letter of the alphabet could not be told from that letter in a user's text.
  result<void> check_no_letter(const added_token& token, const std::string& path) const {
    const bool one = code_point_at(token.content, 0).bytes == token.content.size();
    if (!one || ids_.find(token.content) == ids_.end()) return {};
    return json_problem(errc::unsupported, origin_, path + ".special", true,
                        in_quotes(token.content) + " is a letter of the vocabulary, which text is made of");
  }

  result<void> read_merges() {
    const json& list = member(model_, "merges");
    if (!list.is_array()) return json_problem(errc::corrupt, origin_, "model.merges", list, "must be a list");
    out_.merges.reserve(list.size());
    std::size_t number = 0;
    for (const json& item : list) {
      const std::size_t at = number++;
      const auto path = [at] { return "model.merges[" + std::to_string(at) + "]"; };
      std::string left;
      std::string right;
      if (item.is_string()) {
        const auto& text = item.get_ref<const std::string&>();
        const std::size_t space = text.find(' ');
        if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
          return json_problem(errc::corrupt, origin_, path(), item, "must be two tokens with one space between");
        }
        left = text.substr(0, space);
        right = text.substr(space + 1);
      } else if (item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string()) {
        left = item[0].get<std::string>();
        right = item[1].get<std::string>();
      } else {
        return json_problem(errc::corrupt, origin_, path(), item, "must be \"left right\" or [\"left\", \"right\"]");
      }
      byte_pairs::merge merge;
      const std::pair<const std::string, std::int32_t*> needed[] = {
          {left, &merge.left}, {right, &merge.right}, {left + right, &merge.result}};
      for (const auto& [content, into] : needed) {
        const auto known = ids_.find(content);
        if (known == ids_.end()) {
          return json_problem(errc::corrupt, origin_, path(), item, in_quotes(content) + " must be in model.vocab");
        }
        *into = known->second;
      }
      // Specials are found before words are merged; what a user's text is made of never becomes one.
      if (special_ids_.count(merge.result) == 0) out_.merges.push_back(merge);
    }
    return {};
  }

  result<void> check_fallback() const {
    if (!out_.byte_fallback) return {};
    constexpr const char* digits = "0123456789ABCDEF";
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::string piece{'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
      if (ids_.count(piece) != 0) continue;
      return json_problem(errc::unsupported, origin_, "model.byte_fallback", true,
                          "model.vocab must have all of <0x00> to <0xFF>; " + piece + " is missing");
    }
    return {};
  }

  void fill_words() {
    out_.vocabulary.reserve(ids_.size());
    for (const auto& [content, id] : ids_) {
      if (special_ids_.count(id) != 0) continue;
      if (!out_.byte_level) {
        out_.vocabulary.emplace_back(content, id);
      } else if (auto bytes = bytes_of_alphabet(content)) {
        out_.vocabulary.emplace_back(std::move(*bytes), id);
      }
    }
  }

  result<void> check_template() const {
    for (const auto* side : {&out_.before, &out_.after}) {
      for (const std::int32_t id : *side) {
        const auto at = static_cast<std::size_t>(id);
        if (at < out_.pieces.pieces.size() && out_.pieces.pieces[at].present) continue;
        return json_problem(errc::corrupt, origin_, "post_processor", id, "must be the id of a token");
      }
    }
    return {};
  }

  const json& document_;
  const json& model_;
  const std::string& origin_;
  const tokenizer_settings& settings_;
  bpe_parts out_;
  piece_decoder decoder_;
  std::size_t id_end_ = most_ids;
  std::unordered_map<std::string, std::int32_t> ids_;
  std::unordered_map<std::string, std::int32_t> added_ids_;
  std::unordered_set<std::int32_t> special_ids_;
};

}  // namespace

result<bpe_parts> parse_tokenizer_json(std::string_view text, const std::string& origin,
                                       const tokenizer_settings& settings) {
  FRESHET_TRY_ASSIGN(const json document, parse_json(text, origin, limits));
  if (!document.is_object()) return error{errc::corrupt, origin + ": must be a JSON object"};
  return reader(document, origin, settings).read();
}

result<std::shared_ptr<const tokenizer>> make_bpe_tokenizer(std::string_view text, const std::string& origin,
                                                            const tokenizer_settings& settings) {
  FRESHET_TRY_ASSIGN(bpe_parts parts, parse_tokenizer_json(text, origin, settings));
  return std::shared_ptr<const tokenizer>(std::make_shared<bpe_tokenizer>(std::move(parts)));
}

}  // namespace freshet::model

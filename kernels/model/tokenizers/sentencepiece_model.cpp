#include "kernels/model/tokenizers/sentencepiece_model.hpp"

#include "kernels/model/strict_json.hpp"
#include "kernels/model/tokenizers/byte_alphabet.hpp"
#include "kernels/model/tokenizers/protobuf_fields.hpp"
#include "kernels/model/tokenizers/unicode.hpp"
#include "kernels/model/utf8.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

namespace freshet::model {
namespace {

constexpr std::size_t most_pieces = 1'000'000;
constexpr std::size_t most_piece_bytes = 256;
constexpr std::uint64_t byte_pair_model = 2;  // TrainerSpec.ModelType.BPE
constexpr std::string_view space_mark = "\xe2\x96\x81";

error unsupported(const std::string& origin, const std::string& key, const std::string& value, const std::string& right) {
  return error{errc::unsupported, origin + ": " + key + " = " + value + ": " + right};
}

result<scored_piece> read_piece(std::string_view bytes, std::size_t id, const std::string& origin) {
  const std::string name = "piece " + std::to_string(id);
  scored_piece piece;
  protobuf_fields fields(bytes, origin);
  while (!fields.done()) {
    FRESHET_TRY_ASSIGN(const protobuf_field field, fields.next());
    if (field.number == 1 && field.wire == 2) {
      piece.text = std::string(field.bytes);
    } else if (field.number == 2 && field.wire == 5) {
      piece.score = field.real();
    } else if (field.number == 3 && field.wire == 0) {
      if (field.value < 1 || field.value > 6) {
        return error{errc::corrupt, origin + ": " + name + ".type = " + std::to_string(field.value) + ": must be 1 to 6"};
      }
      piece.kind = static_cast<piece_kind>(field.value);
    } else {
      return unsupported(origin, name, "field " + std::to_string(field.number), "only piece, score and type are known");
    }
  }
  if (piece.text.empty() || piece.text.size() > most_piece_bytes) {
    return error{errc::corrupt, origin + ": " + name + ": " + std::to_string(piece.text.size()) + " bytes, must be 1 to " +
                                    std::to_string(most_piece_bytes)};
  }
  const std::string shown = in_quotes(valid_utf8(piece.text));
  if (valid_utf8(piece.text) != piece.text) return error{errc::corrupt, origin + ": " + name + ", " + shown + ": must be UTF-8"};
  if (!std::isfinite(piece.score)) return error{errc::corrupt, origin + ": " + name + ", " + shown + ": score must be finite"};
  if (piece.kind == piece_kind::user_defined || piece.kind == piece_kind::unused) {
    return unsupported(origin, name + ", " + shown + ", type",
                       piece.kind == piece_kind::unused ? "UNUSED" : "USER_DEFINED", "is not built in");
  }
  if (piece.kind == piece_kind::byte && !fallback_byte(piece.text)) {
    return error{errc::corrupt, origin + ": " + name + ", " + shown + ": a byte must be named as <0x0A> is"};
  }
  return piece;
}

result<void> read_trainer(std::string_view bytes, const std::string& origin, sentencepiece_model& out) {
  std::uint64_t kind = 1;  // Unigram where the file says nothing
  protobuf_fields fields(bytes, origin);
  while (!fields.done()) {
    FRESHET_TRY_ASSIGN(const protobuf_field field, fields.next());
    if (field.number == 3 && field.wire == 0) kind = field.value;
    if (field.number == 35 && field.wire == 0) out.byte_fallback = field.value != 0;
    if (field.number == 24 && field.wire == 0 && field.value != 0) {
      return unsupported(origin, "trainer_spec.treat_whitespace_as_suffix", "true", "must be false");
    }
  }
  if (kind == byte_pair_model) return {};
  const char* names[] = {"0", "UNIGRAM", "BPE", "WORD", "CHAR"};
  return unsupported(origin, "trainer_spec.model_type", kind < 5 ? names[kind] : std::to_string(kind),
                     "only BPE is built in");
}

result<void> read_normalizer(std::string_view bytes, const std::string& origin, sentencepiece_model& out) {
  bool removes = true;
  bool escapes = true;
  protobuf_fields fields(bytes, origin);
  while (!fields.done()) {
    FRESHET_TRY_ASSIGN(const protobuf_field field, fields.next());
    if (field.number == 2 && !field.bytes.empty()) {
      return unsupported(origin, "normalizer_spec.precompiled_charsmap", std::to_string(field.bytes.size()) + " bytes",
                         "must be empty (the normaliser identity)");
    }
    if (field.number == 3) out.dummy_prefix = field.value != 0;
    if (field.number == 4) removes = field.value != 0;
    if (field.number == 5) escapes = field.value != 0;
  }
  if (removes) return unsupported(origin, "normalizer_spec.remove_extra_whitespaces", "true", "must be false");
  if (!escapes) return unsupported(origin, "normalizer_spec.escape_whitespaces", "false", "must be true");
  return {};
}

using piece_ids = std::unordered_map<std::string_view, std::int32_t>;

/// All ways in which two pieces make a third, best score first; those of one score tie.
result<std::vector<byte_pairs::merge>> merges_of(const sentencepiece_model& model, const piece_ids& ids,
                                                 const std::string& origin) {
  std::vector<std::int32_t> order;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    if (model.pieces[i].kind == piece_kind::normal) order.push_back(static_cast<std::int32_t>(i));
  }
  const auto score = [&](std::int32_t id) { return model.pieces[static_cast<std::size_t>(id)].score; };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return score(a) > score(b); });
  std::vector<byte_pairs::merge> merges;
  float last = 0;
  for (const std::int32_t id : order) {
    const std::string_view text = model.pieces[static_cast<std::size_t>(id)].text;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t bytes = code_point_at(text, at).bytes;
      if (bytes < text.size() && ids.count(text.substr(at, bytes)) == 0) {
        return unsupported(origin, "piece " + std::to_string(id), in_quotes(text), "each of its characters must be a piece");
      }
      at += bytes;
      if (at == text.size()) break;
      const auto left = ids.find(text.substr(0, at));
      const auto right = ids.find(text.substr(at));
      if (left == ids.end() || right == ids.end()) continue;
      merges.push_back({left->second, right->second, id, !merges.empty() && score(id) == last});
      last = score(id);
    }
  }
  return merges;
}

result<void> check_bytes(const sentencepiece_model& model, const std::string& origin) {
  std::vector<bool> have(256, false);
  for (const scored_piece& piece : model.pieces) {
    if (piece.kind == piece_kind::byte) have[*fallback_byte(piece.text)] = true;
  }
  if (!model.byte_fallback || std::find(have.begin(), have.end(), false) == have.end()) return {};
  return unsupported(origin, "trainer_spec.byte_fallback", "true", "all of <0x00> to <0xFF> must be pieces");
}

decoded_piece decoded(const scored_piece& piece) {
  decoded_piece out;
  out.present = true;
  out.special = piece.kind == piece_kind::control || piece.kind == piece_kind::unknown;
  out.single_byte = piece.kind == piece_kind::byte;
  out.text = out.single_byte ? std::string(1, static_cast<char>(*fallback_byte(piece.text)))
                             : replaced(piece.text, space_mark, " ");
  return out;
}

/// Tokens that stand beside the model's own pieces.
result<void> add_tokens(const tokenizer_settings& settings, const piece_ids& ids, const std::string& origin,
                        bpe_parts& out) {
  auto& pieces = out.pieces.pieces;
  const std::size_t end = pieces.size() + settings.added.size() + 65'536;
  for (const added_token& token : settings.added) {
    const std::string what = "added token " + in_quotes(token.content);
    const auto id = static_cast<std::size_t>(token.id);
    const auto known = ids.find(token.content);
    if (known != ids.end() && known->second != token.id) {
      return error{errc::corrupt, origin + ": " + what + " = " + std::to_string(token.id) + ": the model gives it the id " +
                                      std::to_string(known->second)};
    }
    if (id >= end || token.content.size() > token_finder::most_content_bytes) {
      return error{errc::too_large, origin + ": " + what + " = " + std::to_string(token.id) + ": the id must be below " +
                                        std::to_string(end) + ", the text at most " +
                                        std::to_string(token_finder::most_content_bytes) + " bytes"};
    }
    const bool listed = std::any_of(out.added.begin(), out.added.end(), [&](const auto& a) { return a.id == token.id; });
    if (known == ids.end()) {
      if (id < pieces.size() && pieces[id].present) {
        return error{errc::corrupt, origin + ": " + what + " = " + std::to_string(token.id) + ": another piece has this id"};
      }
      if (pieces.size() <= id) pieces.resize(id + 1);
      pieces[id] = {replaced(token.content, space_mark, " "), true, token.special, false};
    } else if (!listed && token.special) {
      return unsupported(origin, what + ".special", "true", "it is an ordinary piece of the model, which text is made of");
    }
    if (listed) continue;
    added_token kept = token;
    kept.normalized = false;  // slow tokenizers look in the text as it came
    out.added.push_back(std::move(kept));
  }
  return {};
}

}  // namespace

result<sentencepiece_model> parse_sentencepiece_model(std::string_view bytes, const std::string& origin) {
  if (bytes.size() > most_sentencepiece_bytes) {
    return error{errc::too_large, origin + ": " + std::to_string(bytes.size()) + " bytes, at most " +
                                      std::to_string(most_sentencepiece_bytes) + " are accepted"};
  }
  sentencepiece_model out;
  std::string_view trainer;
  std::string_view normalizer;
  protobuf_fields fields(bytes, origin);
  while (!fields.done()) {
    FRESHET_TRY_ASSIGN(const protobuf_field field, fields.next());
    if (field.wire != 2 || field.number > 5) {
      return unsupported(origin, "field", std::to_string(field.number), "sentencepiece_model.proto has 1 to 5");
    }
    if (field.number == 1) {
      if (out.pieces.size() == most_pieces) {
        return error{errc::too_large, origin + ": more than " + std::to_string(most_pieces) + " pieces"};
      }
      FRESHET_TRY_ASSIGN(scored_piece piece, read_piece(field.bytes, out.pieces.size(), origin));
      out.pieces.push_back(std::move(piece));
    } else if (field.number == 2) {
      trainer = field.bytes;
    } else if (field.number == 3) {
      normalizer = field.bytes;
    } else if (field.number == 5) {
      protobuf_fields inner(field.bytes, origin);
      while (!inner.done()) {
        FRESHET_TRY_ASSIGN(const protobuf_field map, inner.next());
        if (map.number != 2 || map.bytes.empty()) continue;
        return unsupported(origin, "denormalizer_spec.precompiled_charsmap", std::to_string(map.bytes.size()) + " bytes",
                           "must be empty");
      }
    }
  }
  if (out.pieces.empty()) return error{errc::corrupt, origin + ": holds no pieces; a SentencePiece model does"};
  FRESHET_TRY(read_trainer(trainer, origin, out));
  FRESHET_TRY(read_normalizer(normalizer, origin, out));
  return out;
}

result<std::shared_ptr<const tokenizer>> make_sentencepiece_tokenizer(std::string_view bytes, const std::string& origin,
                                                                      const tokenizer_settings& settings) {
  FRESHET_TRY_ASSIGN(const sentencepiece_model model, parse_sentencepiece_model(bytes, origin));
  FRESHET_TRY(check_bytes(model, origin));
  bpe_parts out;
  piece_ids all;
  piece_ids normal;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const scored_piece& piece = model.pieces[i];
    const auto id = static_cast<std::int32_t>(i);
    if (!all.emplace(piece.text, id).second) {
      return error{errc::corrupt, origin + ": piece " + std::to_string(i) + ", " + in_quotes(piece.text) + ", is there twice"};
    }
    out.pieces.pieces.push_back(decoded(piece));
    if (piece.kind == piece_kind::normal) normal.emplace(piece.text, id);
    if (piece.kind == piece_kind::normal || piece.kind == piece_kind::byte) out.vocabulary.emplace_back(piece.text, id);
    if (piece.kind == piece_kind::unknown) {
      if (out.unknown) return error{errc::corrupt, origin + ": piece " + std::to_string(i) + ": a second unknown piece"};
      out.unknown = id;
    }
    if (!out.pieces.pieces.back().special) continue;
    added_token token;
    token.id = id;
    token.content = piece.text;
    token.special = true;
    out.added.push_back(std::move(token));
  }
  if (!out.unknown) return error{errc::corrupt, origin + ": must have a piece of the type UNKNOWN"};
  FRESHET_TRY_ASSIGN(out.merges, merges_of(model, normal, origin));
  FRESHET_TRY(add_tokens(settings, all, origin, out));
  out.byte_fallback = model.byte_fallback;
  out.fuse_unknown = true;
  metaspace_step spaces;
  spaces.replacement = std::string(space_mark);
  spaces.split = false;
  spaces.again = true;
  spaces.prepend = !model.dummy_prefix ? metaspace_prepend::never
                   : settings.legacy   ? metaspace_prepend::always
                                       : metaspace_prepend::first;
  out.metaspace = std::move(spaces);
  out.pieces.growth = text_growth::pieces;
  if (model.dummy_prefix) out.pieces.strip = " ", out.pieces.strip_times = 1;

  const auto find = [&](std::string_view name) -> std::optional<std::int32_t> {
    for (const added_token& token : out.added) {
      if (token.content == name) return token.id;
    }
    const auto known = all.find(name);
    return known == all.end() ? std::nullopt : std::optional<std::int32_t>(known->second);
  };
  tokenizer_settings names = settings;
  if (!names.bos) names.bos = "<s>";
  if (!names.eos) names.eos = "</s>";
  out.specials = name_specials(names, find);
  if (settings.add_bos.value_or(true) && out.specials.bos) out.before.push_back(*out.specials.bos);
  if (settings.add_eos.value_or(false) && out.specials.eos) out.after.push_back(*out.specials.eos);
  return std::shared_ptr<const tokenizer>(std::make_shared<bpe_tokenizer>(std::move(out)));
}

}  // namespace freshet::model

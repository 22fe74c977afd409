#include "kernels/model/tokenizers/bpe_tokenizer.hpp"

#include "kernels/model/tokenizers/byte_alphabet.hpp"
#include "kernels/model/tokenizers/unicode.hpp"
#include "kernels/model/utf8.hpp"

#include <algorithm>

namespace freshet::model {
namespace {

constexpr std::int32_t none = -1;

bool begins_with(std::string_view text, std::string_view front) { return text.substr(0, front.size()) == front; }
bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

/// A character that no merge joins to another character on its left, though it may follow itself. Merges act on
/// neighbours only, so cutting there changes nothing and keeps words short.
std::string safe_cut(const bpe_parts& parts) {
  std::string mark;
  if (parts.metaspace) mark = parts.metaspace->replacement;
  for (const normalizer_step& step : parts.normalizers) {
    if (step.from == " " && !step.to.empty()) mark = step.to;
  }
  std::unordered_map<std::int32_t, std::string_view> content;
  bool known = false;
  for (const auto& [text, id] : parts.vocabulary) {
    content.emplace(id, text);
    known = known || text == mark;
  }
  if (mark.empty() || !known) return {};
  for (const byte_pairs::merge& m : parts.merges) {
    if (begins_with(content[m.right], mark) && !ends_with(content[m.left], mark)) return {};
  }
  return mark;
}

}  // namespace

std::string normalise(const std::vector<normalizer_step>& steps, std::string_view text) {
  std::string out(text);
  for (const normalizer_step& step : steps) {
    if (!step.prepend.empty()) {
      if (!out.empty()) out.insert(0, step.prepend);
    } else if (!step.from.empty()) {
      out = replaced(out, step.from, step.to);
    } else {
      out = composed(out);
    }
  }
  return out;
}

/// What one call needs.
struct bpe_tokenizer::work {
  std::vector<std::int32_t>& ids;
  byte_pairs::scratch merging;
  std::vector<std::string_view> words;
};

bpe_tokenizer::bpe_tokenizer(bpe_parts parts) : parts_(std::move(parts)), pairs_(parts_.merges) {
  id_of_.reserve(parts_.vocabulary.size());
  for (const auto& [text, id] : parts_.vocabulary) id_of_.emplace(text, id);
  for (std::size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    const char as_text = static_cast<char>(byte);
    constexpr const char* digits = "0123456789ABCDEF";
    const std::string fallback{'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
    const auto known = id_of_.find(parts_.byte_level ? std::string_view(&as_text, 1) : std::string_view(fallback));
    const bool there = known != id_of_.end() && (parts_.byte_level || parts_.byte_fallback);
    byte_ids_[byte] = there ? known->second : parts_.unknown.value_or(none);
  }
  cut_before_ = parts_.byte_level ? std::string() : safe_cut(parts_);
  for (const added_token& token : parts_.added) {
    if (!token.normalized) {
      raw_.add(token, token.content);
    } else {
      normalized_.add(token, normalise(parts_.normalizers, token.content));
      has_normalized_ = true;
    }
  }
}

std::int32_t bpe_tokenizer::vocab_size() const noexcept { return static_cast<std::int32_t>(parts_.pieces.pieces.size()); }

std::unique_ptr<text_stream> bpe_tokenizer::stream(special_text specials) const { return parts_.pieces.stream(specials); }

std::optional<std::int32_t> bpe_tokenizer::find_token(std::string_view content) const {
  for (const added_token& token : parts_.added) {
    if (token.content == content) return token.id;
  }
  const auto bytes = parts_.byte_level ? bytes_of_alphabet(valid_utf8(content)) : std::string(content);
  const auto known = bytes ? id_of_.find(std::string_view(*bytes)) : id_of_.end();
  if (known == id_of_.end()) return std::nullopt;
  return known->second;
}

std::vector<std::int32_t> bpe_tokenizer::encode(std::string_view text) const {
  std::vector<std::int32_t> ids;
  encode_valid(valid_utf8(text), {}, true, ids);
  return ids;
}

std::vector<std::int32_t> bpe_tokenizer::encode_with_specials(std::string_view text, text_frame frame) const {
  std::vector<std::int32_t> ids;
  if (frame == text_frame::whole) ids = parts_.before;
  const std::string valid = valid_utf8(text);
  encode_valid(valid, {{0, valid.size()}}, true, ids);
  if (frame == text_frame::whole) ids.insert(ids.end(), parts_.after.begin(), parts_.after.end());
  return ids;
}

std::vector<std::int32_t> bpe_tokenizer::encode_prompt(const std::vector<prompt_part>& parts, bool at_start) const {
  std::string text;
  std::vector<byte_range> ours;
  for (const prompt_part& part : parts) {
    const std::size_t from = text.size();
    text += valid_utf8(part.text);
    if (part.ours && text.size() > from) ours.push_back({from, text.size()});
  }
  std::vector<std::int32_t> ids;
  encode_valid(text, ours, at_start, ids);
  return ids;
}

void bpe_tokenizer::encode_valid(const std::string& text, const std::vector<byte_range>& ours, bool at_start,
                                 std::vector<std::int32_t>& ids) const {
  std::vector<text_part> parts;
  raw_.split(text, ours, parts);
  work w{ids, {}, {}};
  for (const text_part& part : parts) {
    if (part.token) {
      ids.push_back(*part.token);
      continue;
    }
    // Normalising moves places, so of tokens that are looked for after it a special one must be all ours.
    const auto from = static_cast<std::size_t>(part.text.data() - text.data());
    const bool all_ours = std::any_of(ours.begin(), ours.end(), [&](const byte_range& r) {
      return r.from <= from && from + part.text.size() <= r.to;
    });
    encode_between(part.text, at_start && from == 0, all_ours, w);
  }
}

void bpe_tokenizer::encode_between(std::string_view text, bool at_start, bool ours, work& w) const {
  const std::string plain = normalise(parts_.normalizers, text);
  if (!has_normalized_) return encode_normalized(plain, at_start, w);
  std::vector<text_part> parts;
  std::vector<byte_range> places;
  if (ours) places.push_back({0, plain.size()});
  normalized_.split(plain, places, parts);
  for (const text_part& part : parts) {
    if (part.token) {
      w.ids.push_back(*part.token);
    } else {
      encode_normalized(part.text, at_start && part.text.data() == plain.data(), w);
    }
  }
}

void bpe_tokenizer::encode_normalized(std::string_view text, bool at_start, work& w) const {
  std::string changed;
  if (parts_.metaspace) {
    const metaspace_step& step = *parts_.metaspace;
    changed = replaced(text, " ", step.replacement);
    const bool wanted =
        step.prepend == metaspace_prepend::always || (step.prepend == metaspace_prepend::first && at_start);
    if (wanted && !changed.empty() && (step.again || !begins_with(changed, step.replacement))) changed.insert(0, step.replacement);
    text = changed;
  } else if (parts_.prefix_space && !text.empty() && text.front() != ' ') {
    changed = " ";
    changed += text;
    text = changed;
  }
  const bool split = parts_.metaspace && parts_.metaspace->split;
  const std::string& mark = split ? parts_.metaspace->replacement : cut_before_;
  if (mark.empty()) {
    w.words.clear();
    parts_.words.split(text, w.words);
    for (const std::string_view word : w.words) encode_word(word, w);
    return;
  }
  for (std::size_t from = 0; from < text.size();) {
    std::size_t to = text.find(mark, from + 1);
    // A safe cut is not safe within a run of marks; a split is asked for there too.
    while (!split && to != std::string_view::npos && ends_with(text.substr(from, to - from), mark)) {
      to = text.find(mark, to + 1);
    }
    to = std::min(to, text.size());
    encode_word(text.substr(from, to - from), w);
    from = to;
  }
}

void bpe_tokenizer::put_characters(std::string_view word, work& w) const {
  bool after_unknown = false;
  for (std::size_t at = 0; at < word.size();) {
    const std::string_view character = word.substr(at, code_point_at(word, at).bytes);
    at += character.size();
    const auto known = id_of_.find(character);
    const std::int32_t id = known == id_of_.end() ? none : known->second;
    if (id != none) {
      w.ids.push_back(id);
    } else if (parts_.byte_fallback) {
      for (const char byte : character) w.ids.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
    } else if (parts_.unknown && !(after_unknown && parts_.fuse_unknown)) {
      w.ids.push_back(*parts_.unknown);
    }
    after_unknown = id == none;
  }
}

void bpe_tokenizer::encode_word(std::string_view word, work& w) const {
  if (parts_.ignore_merges) {
    if (const auto known = id_of_.find(word); known != id_of_.end()) {
      w.ids.push_back(known->second);
      return;
    }
  }
  const std::size_t from = w.ids.size();
  if (!parts_.byte_level) {
    put_characters(word, w);
  } else {
    for (const char byte : word) {
      const std::int32_t id = byte_ids_[static_cast<unsigned char>(byte)];
      if (id != none) w.ids.push_back(id);
    }
  }
  pairs_.apply(w.ids, from, w.merging);
}

}  // namespace freshet::model

#include "kernels/model/word_tokenizer.hpp"

#include "kernels/model/strict_json.hpp"
#include "kernels/model/tokenizers/byte_alphabet.hpp"
#include "kernels/model/utf8.hpp"
#include "kernels/model/whole_file.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace freshet::model {
namespace {

constexpr std::size_t most_file_bytes = std::size_t{16} << 20;
constexpr const char* format_name = "freshet-words";
constexpr int format_version = 1;
constexpr std::array<std::string_view, 4> special_names{"<pad>", "<s>", "</s>", "<image>"};
constexpr std::string_view attach_left = ".,?!:;)]}%'-/";
constexpr std::string_view attach_right = "([{-/";

struct piece {
  std::string text;
  bool after_space = false;
};

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

char lowered(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::vector<piece> split(const std::string& text) {
  std::vector<piece> out;
  bool open = false;  // the last piece is a word that may go on
  bool after_space = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_space(c)) {
      open = false;
      after_space = true;
      continue;
    }
    const bool inner_apostrophe = c == '\'' && open && i + 1 < text.size() && is_word(text[i + 1]);
    if (open && (is_word(c) || inner_apostrophe)) {
      out.back().text += lowered(c);
    } else {
      out.push_back({std::string(1, lowered(c)), after_space});
      open = is_word(c);
    }
    after_space = false;
  }
  return out;
}

bool attaches(std::string_view unit, std::string_view side) {
  return unit.size() == 1 && side.find(unit.front()) != std::string_view::npos;
}

result<void> check_word(const std::string& word, std::size_t position) {
  const std::string at = "word " + std::to_string(position) + ", " + in_quotes(word) + ", ";
  if (word.size() > word_tokenizer::most_word_bytes) {
    return error{errc::too_large, at + "has " + std::to_string(word.size()) + " bytes, at most " +
                                      std::to_string(word_tokenizer::most_word_bytes) + " are accepted"};
  }
  if (valid_utf8(word) != word) return error{errc::invalid_argument, at + "is not valid UTF-8"};
  const auto pieces = split_words(word);
  if (pieces.size() != 1 || pieces.front() != word) {
    return error{errc::invalid_argument,
                 at + "must be one word or one punctuation mark, in lower case, without white space"};
  }
  return {};
}

// Words with the spaces between them; bytes until they make a character.
class word_stream final : public text_stream {
 public:
  word_stream(const std::vector<std::string>& words, special_text specials) : words_(words), specials_(specials) {}

  std::string push(std::int32_t id) override {
    if (id >= word_tokenizer::first_byte_id && id < word_tokenizer::first_word_id) {
      if (!in_bytes_ && !glue_) open_ += ' ';
      open_ += static_cast<char>(id - word_tokenizer::first_byte_id);
      in_bytes_ = true;
      glue_ = false;
    } else {
      in_bytes_ = false;
      if (id < 0 || id >= word_tokenizer::first_byte_id || specials_ == special_text::show) put(unit_of(id));
    }
    const std::size_t decided = decided_utf8(open_);
    std::string out = valid_utf8(std::string_view(open_).substr(0, decided));
    open_.erase(0, decided);
    return out;
  }
  std::string finish() override { return valid_utf8(open_); }

 private:
  [[nodiscard]] std::string_view unit_of(std::int32_t id) const {
    if (id >= 0 && id < word_tokenizer::first_byte_id) return special_names[static_cast<std::size_t>(id)];
    const auto word = static_cast<std::size_t>(id - word_tokenizer::first_word_id);
    return id >= word_tokenizer::first_word_id && word < words_.size() ? std::string_view(words_[word])
                                                                       : std::string_view("\xef\xbf\xbd");
  }
  void put(std::string_view unit) {
    if (!glue_ && !attaches(unit, attach_left)) open_ += ' ';
    open_ += unit;
    glue_ = attaches(unit, attach_right);
  }

  const std::vector<std::string>& words_;
  special_text specials_;
  std::string open_;
  bool glue_ = true;  // the next unit follows without a space
  bool in_bytes_ = false;
};

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> out;
  for (auto& p : split(valid_utf8(text))) out.push_back(std::move(p.text));
  return out;
}

std::vector<std::string> collect_words(const std::vector<std::string>& texts, std::size_t most) {
  std::map<std::string, std::size_t> counts;
  for (const auto& text : texts) {
    for (auto& word : split_words(text)) {
      if (word.size() <= word_tokenizer::most_word_bytes) ++counts[std::move(word)];
    }
  }
  std::vector<std::pair<std::string, std::size_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> words;
  for (std::size_t i = 0; i < std::min(most, sorted.size()); ++i) words.push_back(std::move(sorted[i].first));
  return words;
}

result<std::shared_ptr<const word_tokenizer>> word_tokenizer::make(std::vector<std::string> words) {
  if (words.size() > most_words) {
    return error{errc::too_large,
                 std::to_string(words.size()) + " words, at most " + std::to_string(most_words) + " are accepted"};
  }
  std::unordered_map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < words.size(); ++i) {
    FRESHET_TRY(check_word(words[i], i));
    const auto [before, fresh] = seen.emplace(words[i], i);
    if (!fresh) {
      return error{errc::invalid_argument, "word " + std::to_string(i) + ", " + in_quotes(words[i]) + ", stands at " +
                                               std::to_string(before->second) + " already"};
    }
  }
  return std::shared_ptr<const word_tokenizer>(new word_tokenizer(std::move(words)));
}

word_tokenizer::word_tokenizer(std::vector<std::string> words) : words_(std::move(words)) {
  id_of_.reserve(words_.size());
  std::int32_t id = first_word_id;
  for (const auto& word : words_) id_of_.emplace(word, id++);
  id = 0;
  for (const std::string_view name : special_names) {
    added_token token;
    token.id = id++;
    token.content = std::string(name);
    token.special = true;
    finder_.add(token, name);
  }
}

std::int32_t word_tokenizer::vocab_size() const noexcept {
  return first_word_id + static_cast<std::int32_t>(words_.size());
}

std::vector<std::int32_t> word_tokenizer::encode(std::string_view text) const {
  std::vector<std::int32_t> ids;
  const auto put_byte = [&ids](char c) { ids.push_back(first_byte_id + static_cast<unsigned char>(c)); };
  bool in_bytes = false;
  for (const auto& p : split(valid_utf8(text))) {
    const auto known = id_of_.find(p.text);
    if (known != id_of_.end()) {
      ids.push_back(known->second);
      in_bytes = false;
      continue;
    }
    if (in_bytes && p.after_space) put_byte(' ');
    for (const char c : p.text) put_byte(c);
    in_bytes = true;
  }
  return ids;
}

std::vector<std::int32_t> word_tokenizer::encode_with_specials(std::string_view text, text_frame frame) const {
  std::vector<std::int32_t> ids;
  if (frame == text_frame::whole) ids.push_back(bos_id);
  std::vector<text_part> parts;
  finder_.split(text, {{0, text.size()}}, parts);
  for (const text_part& part : parts) {
    if (part.token) {
      ids.push_back(*part.token);
      continue;
    }
    const auto more = encode(part.text);
    ids.insert(ids.end(), more.begin(), more.end());
  }
  return ids;
}

std::vector<std::int32_t> word_tokenizer::encode_prompt(const std::vector<prompt_part>& parts, bool) const {
  std::vector<std::int32_t> ids;
  for (const prompt_part& part : parts) {
    const auto more = part.ours ? encode_with_specials(part.text, text_frame::bare) : encode(part.text);
    ids.insert(ids.end(), more.begin(), more.end());
  }
  return ids;
}

std::optional<std::int32_t> word_tokenizer::find_token(std::string_view content) const {
  for (std::size_t id = 0; id < special_names.size(); ++id) {
    if (content == special_names[id]) return static_cast<std::int32_t>(id);
  }
  if (const auto byte = fallback_byte(content)) return first_byte_id + *byte;
  const auto known = id_of_.find(std::string(content));
  if (known == id_of_.end()) return std::nullopt;
  return known->second;
}

std::unique_ptr<text_stream> word_tokenizer::stream(special_text specials) const {
  return std::make_unique<word_stream>(words_, specials);
}

result<std::shared_ptr<const word_tokenizer>> word_tokenizer::load(const std::filesystem::path& folder) {
  const auto path = folder / file_name;
  FRESHET_TRY_ASSIGN(const std::string text, read_whole_file(path, most_file_bytes));
  return parse(text, path.string());
}

result<std::shared_ptr<const word_tokenizer>> word_tokenizer::parse(std::string_view text, const std::string& origin) {
  FRESHET_TRY_ASSIGN(const nlohmann::json document, parse_json(text, origin));
  if (!document.is_object() || !document.contains("format") || document["format"] != format_name) {
    return error{errc::corrupt, origin + ": format must be \"" + format_name + "\""};
  }
  if (!document.contains("version") || document["version"] != format_version) {
    return error{errc::unsupported, origin + ": version must be " + std::to_string(format_version)};
  }
  if (!document.contains("words") || !document["words"].is_array()) {
    return error{errc::corrupt, origin + ": words must be a list of strings"};
  }
  std::vector<std::string> words;
  for (const auto& word : document["words"]) {
    if (!word.is_string()) {
      return error{errc::corrupt, origin + ": word " + std::to_string(words.size()) + " must be a string"};
    }
    words.push_back(word.get<std::string>());
  }
  auto made = make(std::move(words));
  if (!made.ok()) return error{made.err().code, origin + ": " + made.err().context};
  return made;
}

result<void> word_tokenizer::save(const std::filesystem::path& folder) const {
  const nlohmann::json document{{"format", format_name}, {"version", format_version}, {"words", words_}};
  return write_whole_file(folder / file_name, document.dump(1) + "\n");
}

}  // namespace freshet::model

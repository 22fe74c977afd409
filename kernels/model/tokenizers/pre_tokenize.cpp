#include "kernels/model/tokenizers/pre_tokenize.hpp"

#include "kernels/model/tokenizers/unicode.hpp"

namespace freshet::model {
namespace {

char_class class_at(std::string_view text, std::size_t at) { return class_of(code_point_at(text, at).value); }

std::size_t run_end(std::string_view text, std::size_t at, char_class kind) {
  while (at < text.size()) {
    const code_point c = code_point_at(text, at);
    if (class_of(c.value) != kind) break;
    at += c.bytes;
  }
  return at;
}

// The end of 's, 't, 're, 've, 'm, 'll or 'd, or `at` where none begins.
std::size_t contraction_end(std::string_view text, std::size_t at, bool any_case) {
  if (text[at] != '\'' || at + 1 >= text.size()) return at;
  const auto letter = [&](std::size_t i) {
    const char c = i < text.size() ? text[i] : '\0';
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  const char first = letter(at + 1);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
  const char second = letter(at + 2);
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l')) return at + 3;
  // The long s folds to s.
  if (any_case && text.substr(at + 1, 2) == "\xc5\xbf") return at + 3;
  return at;
}

// \s+(?!\S)|\s+ : all of a run at the end of the text, else all but its last, which may lead the next word.
std::size_t space_end(std::string_view text, std::size_t at) {
  std::size_t last = at;
  std::size_t end = at;
  while (end < text.size()) {
    const code_point c = code_point_at(text, end);
    if (class_of(c.value) != char_class::space) break;
    last = end;
    end += c.bytes;
  }
  return end == text.size() || last == at ? end : last;
}

std::size_t gpt2_end(std::string_view text, std::size_t at) {
  if (const std::size_t end = contraction_end(text, at, false); end != at) return end;
  const std::size_t first = text[at] == ' ' && at + 1 < text.size() ? at + 1 : at;
  const char_class kind = class_at(text, first);
  return kind == char_class::space ? space_end(text, at) : run_end(text, first, kind);
}

bool is_line_end(char c) { return c == '\r' || c == '\n'; }

// \s*[\r\n]+ : up to the last line end of a run of white space, or `at` where it has none.
std::size_t lines_end(std::string_view text, std::size_t at) {
  std::size_t end = at;
  for (std::size_t i = at; i < text.size();) {
    const code_point c = code_point_at(text, i);
    if (class_of(c.value) != char_class::space) break;
    i += c.bytes;
    if (is_line_end(text[i - 1])) end = i;
  }
  return end;
}

std::size_t llama3_end(std::string_view text, std::size_t at, int most_digits) {
  if (const std::size_t end = contraction_end(text, at, true); end != at) return end;
  const code_point first = code_point_at(text, at);
  const char_class kind = class_of(first.value);
  const std::size_t next = at + first.bytes;
  if (kind == char_class::letter) return run_end(text, next, kind);
  if (kind == char_class::number) {
    std::size_t end = next;
    for (int digits = 1; digits < most_digits && end < text.size(); ++digits) {
      const code_point c = code_point_at(text, end);
      if (class_of(c.value) != char_class::number) break;
      end += c.bytes;
    }
    return end;
  }
  const char_class after = next < text.size() ? class_at(text, next) : char_class::space;
  if (!is_line_end(text[at]) && after == char_class::letter) return run_end(text, next, after);
  if (kind == char_class::other || (text[at] == ' ' && after == char_class::other)) {
    std::size_t end = run_end(text, next, char_class::other);
    while (end < text.size() && is_line_end(text[end])) ++end;
    return end;
  }
  const std::size_t end = lines_end(text, at);
  return end != at ? end : space_end(text, at);
}

std::size_t word_end(word_rule rule, std::string_view text, std::size_t at) {
  switch (rule) {
    case word_rule::gpt2: return gpt2_end(text, at);
    case word_rule::llama3: return llama3_end(text, at, 3);
    case word_rule::qwen2: return llama3_end(text, at, 1);
    case word_rule::whole: break;
  }
  return text.size();
}

// What stands before the next number, or the one number that stands at `at`.
std::size_t digit_part_end(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size()) {
    const code_point c = code_point_at(text, end);
    if (class_of(c.value) == char_class::number) return end == at ? end + c.bytes : end;
    end += c.bytes;
  }
  return end;
}

}  // namespace

void pre_tokenizer::split(std::string_view text, std::vector<std::string_view>& words) const {
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = single_digits ? digit_part_end(text, from) : text.size();
    const std::string_view part = text.substr(from, to - from);
    for (std::size_t at = 0; at < part.size();) {
      const std::size_t end = word_end(rule, part, at);
      words.push_back(part.substr(at, end - at));
      at = end;
    }
    from = to;
  }
}

}  // namespace freshet::model

#include "kernels/model/tokenizers/added_tokens.hpp"

#include "kernels/model/tokenizers/unicode.hpp"

#include <algorithm>

namespace freshet::model {
namespace {

code_point code_point_before(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
  return code_point_at(text, at);
}

bool stands_alone(std::string_view text, std::size_t from, std::size_t to) {
  const bool left = from == 0 || !is_word_char(code_point_before(text, from).value);
  return left && (to == text.size() || !is_word_char(code_point_at(text, to).value));
}

std::size_t spaces_begin(std::string_view text, std::size_t end, std::size_t floor) {
  while (end > floor) {
    const code_point c = code_point_before(text, end);
    if (class_of(c.value) != char_class::space) break;
    end -= c.bytes;
  }
  return end;
}

std::size_t spaces_end(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const code_point c = code_point_at(text, at);
    if (class_of(c.value) != char_class::space) break;
    at += c.bytes;
  }
  return at;
}

}  // namespace

void token_finder::add(const added_token& token, std::string_view pattern) {
  if (pattern.empty()) return;
  std::uint32_t at = 0;
  for (const char c : pattern) {
    const auto byte = static_cast<unsigned char>(c);
    auto& next = nodes_[at].next;
    const auto known = std::find_if(next.begin(), next.end(), [&](const auto& n) { return n.first == byte; });
    if (known != next.end()) {
      at = known->second;
      continue;
    }
    const auto fresh = static_cast<std::uint32_t>(nodes_.size());
    next.emplace_back(byte, fresh);
    nodes_.emplace_back();
    at = fresh;
  }
  nodes_[at].token = static_cast<std::int32_t>(tokens_.size());
  tokens_.push_back(token);
  begins_[static_cast<unsigned char>(pattern.front())] = true;
}

// A special token must end by `specials_end`.
token_finder::found token_finder::longest_at(std::string_view text, std::size_t at, std::size_t specials_end) const {
  found best;
  std::uint32_t state = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto& next = nodes_[state].next;
    const auto known = std::find_if(next.begin(), next.end(), [&](const auto& n) { return n.first == byte; });
    if (known == next.end()) break;
    state = known->second;
    const std::int32_t token = nodes_[state].token;
    if (token >= 0 && (i < specials_end || !tokens_[static_cast<std::size_t>(token)].special)) best = {token, i + 1 - at};
  }
  return best;
}

void token_finder::split(std::string_view text, const std::vector<byte_range>& ours,
                         std::vector<text_part>& parts) const {
  std::size_t done = 0;  // what stands before is in parts
  auto range = ours.begin();
  for (std::size_t at = 0; at < text.size();) {
    if (!begins_[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    while (range != ours.end() && range->to <= at) ++range;
    const found hit = longest_at(text, at, range != ours.end() && range->from <= at ? range->to : 0);
    if (hit.token < 0) {
      ++at;
      continue;
    }
    const added_token& token = tokens_[static_cast<std::size_t>(hit.token)];
    std::size_t from = at;
    std::size_t to = at + hit.bytes;
    at = to;
    if (token.single_word && !stands_alone(text, from, to)) continue;
    if (token.lstrip) from = spaces_begin(text, from, done);
    if (token.rstrip) to = spaces_end(text, to);
    if (from > done) parts.push_back({text.substr(done, from - done), std::nullopt});
    parts.push_back({text.substr(from, to - from), token.id});
    done = to;
    at = std::max(at, to);
  }
  if (done < text.size()) parts.push_back({text.substr(done), std::nullopt});
}

}  // namespace freshet::model

#include "kernels/model/utf8.hpp"

#include <cstddef>

namespace freshet::model {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

// What may follow a lead byte: how many bytes, and the range of the first of them.
struct lead {
  std::size_t followers = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  bool valid = true;
};

lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {0, 0x80, 0xbf, true};
  if (byte >= 0xc2 && byte <= 0xdf) return {1, 0x80, 0xbf, true};
  if (byte == 0xe0) return {2, 0xa0, 0xbf, true};  // no overlong forms
  if (byte == 0xed) return {2, 0x80, 0x9f, true};  // no surrogates
  if (byte >= 0xe1 && byte <= 0xef) return {2, 0x80, 0xbf, true};
  if (byte == 0xf0) return {3, 0x90, 0xbf, true};
  if (byte >= 0xf1 && byte <= 0xf3) return {3, 0x80, 0xbf, true};
  if (byte == 0xf4) return {3, 0x80, 0x8f, true};  // nothing past U+10FFFF
  return {0, 0x80, 0xbf, false};
}

// How many bytes from `at` on belong to the sequence of that lead byte.
std::size_t good_bytes(std::string_view text, std::size_t at, const lead& first) {
  std::size_t good = 1;
  while (first.valid && good <= first.followers && at + good < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at + good]);
    const bool fits = good == 1 ? byte >= first.low && byte <= first.high : byte >= 0x80 && byte <= 0xbf;
    if (!fits) break;
    ++good;
  }
  return good;
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    const lead first = lead_of(static_cast<unsigned char>(text[at]));
    const std::size_t good = good_bytes(text, at, first);
    if (first.valid && good == first.followers + 1) {
      out += text.substr(at, good);
    } else {
      out += replacement;
    }
    at += good;
  }
  return out;
}

std::size_t decided_utf8(std::string_view text) {
  // Only one of the last three bytes can lead a sequence that is still open.
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const std::size_t at = text.size() - back;
    const lead first = lead_of(static_cast<unsigned char>(text[at]));
    if (!first.valid) continue;
    const bool open = first.followers >= back && good_bytes(text, at, first) == back;
    return open ? at : text.size();
  }
  return text.size();
}

}  // namespace freshet::model

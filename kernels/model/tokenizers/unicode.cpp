#include "kernels/model/tokenizers/unicode.hpp"

#include "kernels/base/check.hpp"

#include <algorithm>
#include <vector>

#include <utf8proc.h>

namespace freshet::model {
namespace {

// Starters that no composition touches, whatever stands beside them (or, of Hangul syllables, whatever of these
// ranges does): text of only these is in form C already.
bool surely_composed(char32_t c) {
  return c < 0x300 || (c >= 0x400 && c <= 0x482) || (c >= 0x2010 && c <= 0x205e) || (c >= 0x3001 && c <= 0x3029) ||
         (c >= 0x3030 && c <= 0x3098) || (c >= 0x309b && c <= 0x30ff) || (c >= 0x3400 && c <= 0x4dbf) ||
         (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xff00 && c <= 0xffef) ||
         (c >= 0x1f300 && c <= 0x1faff);
}

int combining_class(utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; }

// Canonical order: marks between two starters by rising class, equal ones as they came.
void order_marks(std::vector<utf8proc_int32_t>& points) {
  for (auto at = points.begin(); at != points.end();) {
    if (combining_class(*at) == 0) {
      ++at;
      continue;
    }
    const auto end = std::find_if(at, points.end(), [](utf8proc_int32_t c) { return combining_class(c) == 0; });
    std::stable_sort(at, end, [](auto a, auto b) { return combining_class(a) < combining_class(b); });
    at = end;
  }
}

}  // namespace

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&out](char32_t b) { out += static_cast<char>(b); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6), put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f)), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  }
}

char_class class_past_ascii(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return char_class::letter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return char_class::number;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return char_class::space;
    default: return c == 0x85 ? char_class::space : char_class::other;
  }
}

bool is_word_char(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC: return true;
    default: return class_of(c) == char_class::letter || c == 0x200c || c == 0x200d;
  }
}

std::string composed(std::string_view text) {
  bool done = true;
  for (std::size_t at = 0; at < text.size() && done;) {
    const code_point c = code_point_at(text, at);
    done = surely_composed(c.value);
    at += c.bytes;
  }
  if (done) return std::string(text);
  std::vector<utf8proc_int32_t> points;
  points.reserve(text.size());
  // No canonical decomposition is longer than four code points.
  utf8proc_int32_t parts[16];
  for (std::size_t at = 0; at < text.size();) {
    const code_point c = code_point_at(text, at);
    int boundary = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c.value), parts, 16,
                                               static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE),
                                               &boundary);
    FRESHET_ENSURE(count >= 0 && count <= 16, "composed: the text is not valid UTF-8");
    points.insert(points.end(), parts, parts + count);
    at += c.bytes;
  }
  // The library orders marks by swaps of neighbours, in quadratic time; so that is done here.
  order_marks(points);
  const auto left = utf8proc_normalize_utf32(points.data(), static_cast<utf8proc_ssize_t>(points.size()),
                                             static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  FRESHET_ENSURE(left >= 0, "composed: utf8proc refused its own decomposition");
  std::string out;
  out.reserve(text.size());
  for (utf8proc_ssize_t i = 0; i < left; ++i) append_utf8(out, static_cast<char32_t>(points[static_cast<std::size_t>(i)]));
  return out;
}

}  // namespace freshet::model

#include "tools/freshet/console/grid.hpp"

#include <algorithm>

namespace freshet::cli {

namespace {

// Latin, Greek and Cyrillic letters, punctuation, arrows, boxes, blocks, shapes and braille: one column in
// every font. Combining marks, scripts of two columns and emoji are not among them.
bool one_column(char32_t c) {
  return (c >= 0x20 && c < 0x7f) || (c >= 0xa1 && c < 0x300 && c != 0xad) || (c >= 0x370 && c < 0x483) ||
         (c >= 0x2010 && c < 0x2028) || (c >= 0x2030 && c < 0x205f) || (c >= 0x20a0 && c < 0x20c0) ||
         (c >= 0x2190 && c < 0x2200) || (c >= 0x2200 && c < 0x2300) || (c >= 0x2500 && c < 0x25fd) ||
         (c >= 0x2800 && c < 0x2900);
}

void append_utf8(std::string& out, char32_t c) {
  const auto add = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xc0 | c >> 6U);
    add(0x80 | (c & 0x3f));
  } else {
    add(0xe0 | c >> 12U);
    add(0x80 | (c >> 6U & 0x3f));
    add(0x80 | (c & 0x3f));
  }
}

std::string without_blanks_at_the_end(std::string line, char blank) {
  line.erase(line.find_last_not_of(blank) + 1);
  return line + '\n';
}

}  // namespace

std::u32string glyphs_of(std::string_view utf8) {
  std::u32string out;
  for (std::size_t i = 0; i < utf8.size();) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(at < utf8.size() ? utf8[at] : 0); };
    const unsigned char first = byte(i);
    const std::size_t length = first < 0x80        ? 1
                               : first >> 5U == 6  ? 2
                               : first >> 4U == 14 ? 3
                               : first >> 3U == 30 ? 4
                                                   : 0;
    char32_t c = length == 1 ? first : length == 0 ? 0U : first & (0xffU >> (length + 1));
    std::size_t used = 1;
    while (used < length && byte(i + used) >> 6U == 2) c = c << 6U | (byte(i + used++) & 0x3fU);
    out += used == length && one_column(c) ? c : U'?';
    i += used;
  }
  return out;
}

char ascii_of(char32_t c) {
  if (c < 0x7f) return static_cast<char>(c);
  switch (c) {
    case U'─':
    case U'━':
    case U'┄':
    case U'–':
    case U'—':
      return '-';
    case U'│':
    case U'┊':
    case U'┃':
      return '|';
    case U'▶':
    case U'→':
      return '>';
    case U'◀':
    case U'←':
      return '<';
    case U'▲':
    case U'↑':
      return '^';
    case U'▼':
    case U'↓':
      return 'v';
    case U'×':
      return 'x';
    case U'µ':
      return 'u';
    case U'·':
      return '.';
    case U'…':
      return '~';
    case U'●':
      return '*';
    case U'○':
      return 'o';
    case U'░':
      return '.';
    case U'█':
    case U'▓':
    case U'▒':
      return '#';
    default:
      break;
  }
  if (c >= 0x2800 && c < 0x2900) {
    // The higher the dots, the higher the mark.
    const auto dots = static_cast<unsigned>(c - 0x2800);
    if (dots == 0) return ' ';
    return (dots & 0x1bU) != 0 && (dots & 0xe4U) != 0 ? ':' : (dots & 0x1bU) != 0 ? '\'' : '.';
  }
  if (c >= 0x2500 && c < 0x2580) return '+';
  if (c >= 0x2580 && c < 0x25a0) return '#';
  return '?';
}

std::string grid::text() const {
  std::string out;
  for (std::size_t y = 0; y < height_; ++y) {
    std::string line;
    for (std::size_t x = 0; x < width_; ++x) append_utf8(line, at(x, y).glyph);
    out += without_blanks_at_the_end(std::move(line), ' ');
  }
  return out;
}

std::string grid::styles() const {
  constexpr std::string_view letters = ".dbtafgwxFs";
  std::string out;
  for (std::size_t y = 0; y < height_; ++y) {
    std::string line;
    for (std::size_t x = 0; x < width_; ++x) line += letters[static_cast<std::size_t>(at(x, y).look)];
    out += without_blanks_at_the_end(std::move(line), '.');
  }
  return out;
}

canvas canvas::part(std::size_t x, std::size_t y, std::size_t width, std::size_t height) const {
  canvas c = *this;
  c.x_ = x_ + std::min(x, width_);
  c.y_ = y_ + std::min(y, height_);
  c.width_ = std::min(width, width_ - std::min(x, width_));
  c.height_ = std::min(height, height_ - std::min(y, height_));
  return c;
}

void canvas::put(std::size_t x, std::size_t y, char32_t glyph, style look) {
  if (x < width_ && y < height_) grid_->set(x_ + x, y_ + y, {glyph, look});
}

std::size_t canvas::put(std::size_t x, std::size_t y, std::string_view utf8, style look) {
  for (const char32_t glyph : glyphs_of(utf8)) put(x++, y, glyph, look);
  return x;
}

void canvas::put_right(std::size_t end, std::size_t y, std::string_view utf8, style look) {
  std::u32string glyphs = glyphs_of(utf8);
  if (glyphs.size() > end) glyphs.resize(end);
  std::size_t x = end - glyphs.size();
  for (const char32_t glyph : glyphs) put(x++, y, glyph, look);
}

}  // namespace freshet::cli

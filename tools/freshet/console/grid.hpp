// A screen as a value: cells of one glyph and one style, drawn into by views, compared by tests, and copied to
// the terminal by the one file that knows it. Every glyph takes one column.
// Thread contract: plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::cli {

enum class style : std::uint8_t { normal, dim, bold, title, adapting, frozen, good, warn, bad, flow, selected };

struct cell {
  char32_t glyph = U' ';
  style look = style::normal;
  friend bool operator==(const cell& a, const cell& b) { return a.glyph == b.glyph && a.look == b.look; }
};

class grid {
 public:
  grid(std::size_t width, std::size_t height) : width_(width), height_(height), cells_(width * height) {}
  [[nodiscard]] std::size_t width() const { return width_; }
  [[nodiscard]] std::size_t height() const { return height_; }
  [[nodiscard]] const cell& at(std::size_t x, std::size_t y) const { return cells_[y * width_ + x]; }
  void set(std::size_t x, std::size_t y, cell c) {
    if (x < width_ && y < height_) cells_[y * width_ + x] = c;
  }
  /// Lines of UTF-8 without blanks at their ends, each ended by a line feed.
  [[nodiscard]] std::string text() const;
  /// The styles alone, a letter a cell, in the same form: '.' is normal.
  [[nodiscard]] std::string styles() const;

 private:
  std::size_t width_;
  std::size_t height_;
  std::vector<cell> cells_;
};

/// A rectangle of a grid; what lies outside of it is cut off.
class canvas {
 public:
  explicit canvas(grid& g) : grid_(&g), width_(g.width()), height_(g.height()) {}
  [[nodiscard]] std::size_t width() const { return width_; }
  [[nodiscard]] std::size_t height() const { return height_; }
  /// Clipped to what there is.
  [[nodiscard]] canvas part(std::size_t x, std::size_t y, std::size_t width, std::size_t height) const;

  void put(std::size_t x, std::size_t y, char32_t glyph, style look = style::normal);
  /// Returns the column behind the text. Texts come from outside: what takes no or two columns, or steers a
  /// terminal, is shown as '?'.
  std::size_t put(std::size_t x, std::size_t y, std::string_view utf8, style look = style::normal);
  /// The same, ending before column `end`.
  void put_right(std::size_t end, std::size_t y, std::string_view utf8, style look = style::normal);

 private:
  grid* grid_;
  std::size_t x_ = 0;
  std::size_t y_ = 0;
  std::size_t width_;
  std::size_t height_;
};

/// Glyphs of a UTF-8 text, each of one column.
[[nodiscard]] std::u32string glyphs_of(std::string_view utf8);
/// What stands for a glyph on a terminal that has only ASCII.
[[nodiscard]] char ascii_of(char32_t glyph);

}  // namespace freshet::cli

// Courses over time as lines of braille dots, two columns and four rows of dots a cell.
// Thread contract: pure functions.
#pragma once

#include "tools/freshet/console/format.hpp"
#include "tools/freshet/console/grid.hpp"

#include <vector>

namespace freshet::cli {

struct chart_line {
  std::vector<maybe> values;  ///< of low..high, oldest first; nothing leaves a gap
  style look = style::normal;
  bool dotted = false;  ///< so that lines differ without colour
};

/// Draws all lines with their newest value at the right edge, two values a column. Where lines share a cell the
/// first one's style stays.
void draw_chart(canvas area, const std::vector<chart_line>& lines, double low, double high);

/// A bar that is filled up to `share` of its width, in eighths of a column.
void draw_bar(canvas area, std::size_t x, std::size_t y, std::size_t width, double share, style look);

}  // namespace freshet::cli

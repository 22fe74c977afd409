#include "tools/freshet/console/chart.hpp"

#include <algorithm>
#include <cmath>

namespace freshet::cli {

void draw_chart(canvas area, const std::vector<chart_line>& lines, double low, double high) {
  if (area.width() == 0 || area.height() == 0 || high <= low) return;
  const std::size_t across = area.width() * 2;
  const std::size_t down = area.height() * 4;
  struct dots {
    unsigned bits = 0;
    style look = style::normal;
  };
  std::vector<dots> cells(area.width() * area.height());
  // Bits of a braille cell by column and row of its dots.
  constexpr unsigned bit[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};
  const auto set = [&](std::size_t x, std::size_t y, style look) {
    dots& c = cells[y / 4 * area.width() + x / 2];
    if (c.bits == 0) c.look = look;
    c.bits |= bit[x % 2][y % 4];
  };
  const auto row = [&](double value) {
    const double share = std::clamp((value - low) / (high - low), 0.0, 1.0);
    return down - 1 - static_cast<std::size_t>(std::lround(share * static_cast<double>(down - 1)));
  };
  for (const chart_line& line : lines) {
    const std::size_t shown = std::min(across, line.values.size());
    bool joined = false;
    std::size_t last = 0;
    for (std::size_t i = 0; i < shown; ++i) {
      const maybe& value = line.values[line.values.size() - shown + i];
      if (!value || !std::isfinite(*value)) {
        joined = false;
        continue;
      }
      const std::size_t x = across - shown + i;
      const std::size_t y = row(*value);
      if (!line.dotted) {
        // Steps are joined, or a steep line would fall apart.
        const std::size_t from = joined && last < y ? last + 1 : y;
        const std::size_t to = joined && last > y ? last - 1 : y;
        for (std::size_t dot = from; dot <= to; ++dot) set(x, dot, line.look);
      } else if (x % 2 == 0) {
        set(x, y, line.look);
      }
      joined = true;
      last = y;
    }
  }
  for (std::size_t y = 0; y < area.height(); ++y)
    for (std::size_t x = 0; x < area.width(); ++x)
      if (const dots& c = cells[y * area.width() + x]; c.bits != 0) area.put(x, y, 0x2800 + c.bits, c.look);
}

void draw_bar(canvas area, std::size_t x, std::size_t y, std::size_t width, double share, style look) {
  constexpr char32_t parts[] = U" ▏▎▍▌▋▊▉";
  const double eighths = std::clamp(share, 0.0, 1.0) * static_cast<double>(width) * 8;
  const auto full = static_cast<std::size_t>(eighths) / 8;
  const auto rest = static_cast<std::size_t>(eighths) % 8;
  for (std::size_t i = 0; i < width; ++i) {
    if (i < full)
      area.put(x + i, y, U'█', look);
    else if (i == full && rest > 0)
      area.put(x + i, y, parts[rest], look);
    else
      area.put(x + i, y, U'░', style::dim);
  }
}

}  // namespace freshet::cli

// A place in a text file, counted from one as editors do. Zero means "no place": a problem of the
// document as a whole.
#pragma once

#include <cstdint>

namespace freshet::config {

struct position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  friend bool operator==(position a, position b) { return a.line == b.line && a.column == b.column; }
  friend bool operator<(position a, position b) {
    return a.line != b.line ? a.line < b.line : a.column < b.column;
  }
};

}  // namespace freshet::config

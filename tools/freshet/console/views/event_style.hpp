// How an event's level looks. Pure function.
#pragma once

#include "tools/freshet/console/grid.hpp"

#include <string>

namespace freshet::cli {

inline style style_of_event(const std::string& level) {
  if (level == "bad") return style::bad;
  if (level == "warn") return style::warn;
  return level == "good" ? style::good : style::normal;
}

}  // namespace freshet::cli

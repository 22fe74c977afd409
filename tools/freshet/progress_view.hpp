// A fleet's progress as text: a compact table that is drawn over itself on a terminal, or one line at a
// time for files and pipes. Keeps the course of accuracy over time for its two curves.
// Thread contract: owned by one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "tools/freshet/progress.hpp"

namespace freshet::cli {

class progress_view {
 public:
  /// Takes in the next state; repeated and older documents are ignored for the curves.
  void update(const fleet_progress& now);

  /// Lines of at most `width` columns. At most `most_devices` devices one by one.
  [[nodiscard]] std::vector<std::string> table(std::size_t width, std::size_t most_devices = 12) const;
  [[nodiscard]] std::string line() const;

 private:
  struct point {
    std::optional<double> fleet;
    std::optional<double> twin;
  };
  std::optional<fleet_progress> now_;
  std::deque<point> course_;
};

/// "1.25 MB": three digits, units of 1000.
[[nodiscard]] std::string human_bytes(double bytes);
/// "0:01:05"
[[nodiscard]] std::string human_time(std::uint64_t ms);
/// Columns that a UTF-8 text takes, wide characters not counted double.
[[nodiscard]] std::size_t columns(const std::string& text);
/// The text cut to so many columns.
[[nodiscard]] std::string cut(const std::string& text, std::size_t width);

}  // namespace freshet::cli

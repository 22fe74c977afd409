// Where progress and events are shown: a table drawn over itself on a terminal, plain lines elsewhere.
// Thread contract: owned by one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "tools/freshet/progress_view.hpp"

namespace freshet::cli {

class display {
 public:
  /// `live` draws a table; otherwise a line every `line_every`.
  display(bool live, std::chrono::seconds line_every);
  ~display();
  display(const display&) = delete;
  display& operator=(const display&) = delete;

  /// A sentence that stays: above the table, or among the lines.
  void event(const std::string& sentence);
  void show(const progress_view& view);

  /// True when standard output is a terminal that can move its cursor.
  [[nodiscard]] static bool terminal();

 private:
  void erase();

  bool live_;
  std::chrono::seconds line_every_;
  std::chrono::steady_clock::time_point line_at_;
  std::vector<std::string> drawn_;
};

}  // namespace freshet::cli

// The terminal, by ncurses: takes whole grids, gives keys. The only file that knows it. Whatever ends the
// process, a fault included, the terminal is as it was before.
// Thread contract: one at a time, owned by the main thread.
#pragma once

#include "kernels/base/result.hpp"
#include "tools/freshet/console/grid.hpp"
#include "tools/freshet/console/view.hpp"

#include <optional>
#include <string>

namespace freshet::cli {

struct screen_options {
  bool colour = true;
  bool ascii = false;  ///< no glyphs beyond ASCII
};

class screen {
 public:
  /// What the environment says: NO_COLOR, and the encoding of the locale.
  static screen_options from_environment();
  /// Fails with what would be right when standard output is no terminal that can be drawn on.
  static result<void> possible();

  explicit screen(screen_options options);
  ~screen();
  screen(const screen&) = delete;
  screen& operator=(const screen&) = delete;

  /// As the terminal is now: looks at its size.
  [[nodiscard]] grid blank() const;
  void show(const grid& g);

  struct press {
    key special = key::other;
    char letter = 0;  ///< 0 for special keys
  };
  /// The next key, or nothing when none is there now.
  std::optional<press> next();

 private:
  screen_options options_;
};

}  // namespace freshet::cli

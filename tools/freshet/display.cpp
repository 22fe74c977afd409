#include "tools/freshet/display.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace freshet::cli {
namespace {

struct extent {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

extent terminal_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

}  // namespace

display::display(bool live, std::chrono::seconds line_every) : live_(live), line_every_(line_every) {}

display::~display() { std::cout << std::flush; }

bool display::terminal() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

void display::erase() {
  if (!drawn_.empty()) std::cout << "\x1b[" << drawn_.size() << "A\r\x1b[J";
}

void display::event(const std::string& sentence) {
  if (live_) erase();
  std::cout << sentence << '\n';
  if (live_)
    for (const std::string& line : drawn_) std::cout << line << '\n';
  std::cout << std::flush;
}

void display::show(const progress_view& view) {
  if (!live_) {
    const auto now = std::chrono::steady_clock::now();
    if (now < line_at_) return;
    line_at_ = now + line_every_;
    std::cout << view.line() << std::endl;
    return;
  }
  const extent size = terminal_size();
  // A table taller than the screen cannot be drawn over: nine lines frame the devices, one keeps the cursor.
  const std::size_t devices = size.rows > 14 ? size.rows - 11 : 3;
  erase();
  drawn_ = view.table(size.columns - 1, devices);
  if (drawn_.size() + 1 > size.rows) drawn_.resize(std::max<std::size_t>(1, size.rows - 1));
  for (const std::string& line : drawn_) std::cout << line << '\n';
  std::cout << std::flush;
}

}  // namespace freshet::cli

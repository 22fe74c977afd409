#include "tools/freshet/console/screen.hpp"

#include <array>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <langinfo.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define NCURSES_NOMACROS 1  // functions, not macros that would take our names
#ifndef NCURSES_WIDECHAR
#define NCURSES_WIDECHAR 1
#endif
#include <ncurses.h>
#include <term.h>

namespace freshet::cli {

namespace {

// --- what a handler needs: made ready before, so that it only writes and sets ---------------------

termios before{};
bool know_before = false;
std::array<char, 256> farewell{};
std::size_t farewell_bytes = 0;
constexpr std::array<int, 7> faults{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT, SIGSYS};

void on_fault(int signal) {
  if (farewell_bytes > 0 && ::write(STDOUT_FILENO, farewell.data(), farewell_bytes) < 0) {
    // nobody is left to be told
  }
  if (know_before) ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

void add_farewell(const char* text) {
  if (text == nullptr || text == reinterpret_cast<const char*>(-1)) return;
  const std::size_t n = std::strlen(text);
  if (farewell_bytes + n > farewell.size()) return;
  std::memcpy(farewell.data() + farewell_bytes, text, n);
  farewell_bytes += n;
}

void be_ready_for_faults() {
  farewell_bytes = 0;
  for (const char* name : {"sgr0", "cnorm", "rmkx", "rmcup"}) add_farewell(::tigetstr(const_cast<char*>(name)));
  struct sigaction action {};
  action.sa_handler = on_fault;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : faults) ::sigaction(signal, &action, nullptr);
}

void forget_faults() {
  for (const int signal : faults) ::signal(signal, SIG_DFL);
  farewell_bytes = 0;
}

// --- looks ---------------------------------------------------------------------------------------

struct palette_entry {
  style look;
  short many;         ///< colour of 256
  short few;          ///< colour of 8
  attr_t attributes;  ///< with colours
  attr_t plain;       ///< without any
};
const std::array<palette_entry, 11> palette{{
    {style::normal, -1, -1, A_NORMAL, A_NORMAL},
    {style::dim, 245, -1, A_NORMAL, A_NORMAL},
    {style::bold, -1, -1, A_BOLD, A_BOLD},
    {style::title, 39, COLOR_CYAN, A_BOLD, A_BOLD},
    {style::adapting, 45, COLOR_CYAN, A_NORMAL, A_BOLD},
    {style::frozen, 214, COLOR_YELLOW, A_NORMAL, A_NORMAL},
    {style::good, 77, COLOR_GREEN, A_NORMAL, A_NORMAL},
    {style::warn, 220, COLOR_YELLOW, A_BOLD, A_BOLD},
    {style::bad, 203, COLOR_RED, A_BOLD, A_REVERSE},
    {style::flow, 75, COLOR_BLUE, A_NORMAL, A_NORMAL},
    {style::selected, 39, COLOR_CYAN, A_REVERSE, A_REVERSE},
}};

short pair_of(style look) { return static_cast<short>(static_cast<int>(look) + 1); }

void make_colours() {
  ::start_color();
  ::use_default_colors();
  for (const palette_entry& p : palette) ::init_pair(pair_of(p.look), COLORS >= 256 ? p.many : p.few, -1);
}

}  // namespace

screen_options screen::from_environment() {
  screen_options o;
  const char* no_colour = std::getenv("NO_COLOR");
  o.colour = no_colour == nullptr || *no_colour == 0;
  std::setlocale(LC_CTYPE, "");
  o.ascii = std::string_view(::nl_langinfo(CODESET)) != "UTF-8";
  return o;
}

result<void> screen::possible() {
  const char* kind = std::getenv("TERM");
  const char* what = nullptr;
  if (::isatty(STDOUT_FILENO) != 1 || ::isatty(STDIN_FILENO) != 1)
    what = "standard input and output are no terminal";
  else if (kind == nullptr || *kind == 0)
    what = "TERM is not set, so nothing is known of this terminal";
  else if (std::string_view(kind) == "dumb")
    what = "TERM=dumb cannot move its cursor";
  if (what != nullptr) return error{errc::unsupported, std::string(what) + "; `freshet top --json` needs no terminal"};
  int problem = 0;
  if (::setupterm(nullptr, STDOUT_FILENO, &problem) != 0 /* OK */)
    return error{errc::unsupported, "TERM=" + std::string(kind) +
                                        " is not in the terminal database; TERM=xterm or "
                                        "linux often is, and `freshet top --json` needs no terminal"};
  return {};
}

screen::screen(screen_options options) : options_(options) {
  know_before = ::tcgetattr(STDIN_FILENO, &before) == 0;
  ::initscr();
  be_ready_for_faults();
  ::cbreak();
  ::noecho();
  ::nonl();
  ::keypad(stdscr, 1);
  ::nodelay(stdscr, 1);
  ::set_escdelay(25);
  ::curs_set(0);
  options_.colour = options_.colour && ::has_colors();
  if (options_.colour) make_colours();
}

screen::~screen() {
  ::endwin();
  forget_faults();
}

grid screen::blank() const {
  return grid(static_cast<std::size_t>(COLS > 0 ? COLS : 0), static_cast<std::size_t>(LINES > 0 ? LINES : 0));
}

void screen::show(const grid& g) {
  // Only differences to what the terminal shows are written: ncurses compares.
  ::erase();
  for (std::size_t y = 0; y < g.height(); ++y) {
    for (std::size_t x = 0; x < g.width(); ++x) {
      const cell& c = g.at(x, y);
      if (c.glyph == U' ' && c.look != style::selected) continue;
      const wchar_t text[2] = {options_.ascii ? static_cast<wchar_t>(ascii_of(c.glyph)) : static_cast<wchar_t>(c.glyph),
                               0};
      const palette_entry& p = palette[static_cast<std::size_t>(c.look)];
      cchar_t drawn;
      ::setcchar(&drawn, text, options_.colour ? p.attributes : p.plain, options_.colour ? pair_of(c.look) : short{0},
                 nullptr);
      ::mvadd_wch(static_cast<int>(y), static_cast<int>(x), &drawn);
    }
  }
  ::refresh();
}

std::optional<screen::press> screen::next() {
  const int got = ::getch();
  switch (got) {
    case ERR:
      return std::nullopt;
    case KEY_UP:
      return press{key::up, 0};
    case KEY_DOWN:
      return press{key::down, 0};
    case KEY_PPAGE:
      return press{key::page_up, 0};
    case KEY_NPAGE:
      return press{key::page_down, 0};
    case KEY_HOME:
      return press{key::home, 0};
    case KEY_END:
      return press{key::end, 0};
    default:
      break;
  }
  constexpr int control_l = 12;
  // Whatever else wrote to the terminal: drawn over as a whole.
  if (got == control_l) ::clearok(curscr, 1);
  // A new size is a key too: the next picture has it.
  if (got < 0 || got > 127) return press{};
  return press{key::other, static_cast<char>(got)};
}

}  // namespace freshet::cli

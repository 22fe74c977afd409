#include "tools/freshet/console/console.hpp"

#include "tools/freshet/console/format.hpp"

#include <algorithm>
#include <utility>

namespace freshet::cli {

namespace {
constexpr std::size_t least_width = 60;
constexpr std::size_t least_height = 16;
}  // namespace

console::console(std::string from) : from_(std::move(from)), views_(all_views()) {}

void console::take(live_change change) {
  switch (change.what) {
    case live_change::kind::snapshot:
      document_ = std::move(change.content);
      attached_ = ever_attached_ = true;
      why_lost_.clear();
      break;
    case live_change::kind::delta:
      document_.merge_patch(change.content);
      break;
    case live_change::kind::lost:
      attached_ = false;
      why_lost_ = std::move(change.why);
      return;
  }
  if (!paused_) model_ = read_live(document_);
}

void console::press(key k) {
  if (!help_) (void)views_[current_]->press(k);
}

void console::press(char letter) {
  if (letter == 'q') {
    leave_ = true;
  } else if (help_) {
    help_ = false;  // any key closes it
  } else if (letter == '?' || letter == 'h') {
    help_ = true;
  } else if (letter == '\t') {
    current_ = (current_ + 1) % views_.size();
  } else if (letter >= '1' && static_cast<std::size_t>(letter - '1') < views_.size()) {
    current_ = static_cast<std::size_t>(letter - '1');
  } else if (letter == 'p' || letter == ' ') {
    paused_ = !paused_;
    if (!paused_) model_ = read_live(document_);
  } else if (letter == 's') {
    press(key::next_column);
  } else if (letter == 'r') {
    press(key::reverse);
  } else if (letter == 'k') {
    press(key::up);
  } else if (letter == 'j') {
    press(key::down);
  }
}

grid console::draw(std::size_t width, std::size_t height) {
  grid g(width, height);
  canvas all(g);
  if (width < least_width || height < least_height) {
    all.put(0, 0, "80 columns and 24 lines are needed", style::warn);
    all.put(0, 1, "here: " + std::to_string(width) + " and " + std::to_string(height));
    return g;
  }
  draw_head(all.part(0, 0, width, 1));
  canvas body = all.part(0, 1, width, height - 2);
  if (help_) {
    draw_help(body);
  } else if (!ever_attached_) {
    body.put(2, 2, "connecting to " + from_ + " …", style::bold);
    body.put(2, 4, why_lost_, style::warn);
  } else {
    views_[current_]->draw(model_, body);
  }
  draw_foot(all.part(0, height - 1, width, 1));
  return g;
}

void console::draw_head(canvas line) const {
  std::size_t x = line.put(0, 0, "freshet", style::title);
  x = line.put(x + 1, 0, from_, style::dim);
  if (ever_attached_) x = line.put(x + 2, 0, clock_time(model_.uptime_s), style::normal);
  if (!ever_attached_)
    line.put(x + 2, 0, "○ connecting", style::warn);
  else if (!attached_)
    line.put(x + 2, 0, "○ reconnecting: " + why_lost_, style::bad);
  else if (paused_)
    line.put(x + 2, 0, "● paused", style::warn);
  else
    line.put(x + 2, 0, "● live", style::good);
  std::size_t length = 0;
  for (std::size_t i = 0; i < views_.size(); ++i) length += views_[i]->name().size() + 4;
  if (!attached_ || line.width() < x + length + 10) return;
  x = line.width() - length + 2;
  for (std::size_t i = 0; i < views_.size(); ++i) {
    const style look = i == current_ ? style::selected : style::dim;
    x = line.put(x, 0, std::to_string(i + 1) + " " + views_[i]->name(), look) + 2;
  }
}

void console::draw_foot(canvas line) const {
  const std::string own = views_[current_]->keys();
  line.put(0, 0,
           "1–" + std::to_string(views_.size()) + " tab views  ↑↓ scroll  " + (own.empty() ? "" : own + "  ") +
               "p pause  ? help  q leave",
           style::dim);
  line.put_right(line.width(), 0, views_[current_]->name(), style::dim);
}

void console::draw_help(canvas area) const {
  std::size_t y = 1;
  const auto row = [&](const char* keys, const char* text) {
    area.put(2, y, keys, style::bold);
    area.put(20, y++, text);
  };
  row("1 2 3 4, Tab", "the views: overview, fleet, roles, events");
  row("↑ ↓ j k", "a line; PgUp PgDn a page; Home End to the ends");
  row("s, r", "sort by the next column, the other way round");
  row("p, space", "hold the picture still; the daemon goes on");
  row("q, Ctrl-C", "leave; the daemon does not notice");
  ++y;
  row("4.1 kB/s", "on the wire between two kinds of roles, these seconds");
  row("q3 m0", "q: waiting or unacknowledged; m: in receivers' mailboxes");
  row("busy", "share of the time spent in its own code");
  row("wait50 wait99", "µs to s from arrival to turn: median, 99th percentile");
  row("serv50 serv99", "spent on one message, likewise");
  row("slice99", "one slice of heavy work, for which messages wait");
  row("rst", "restarts of the role by its supervisor");
  row("frozen twin", "the same student that never learns, on the same samples");
  row("lag", "versions behind the desired one");
  ++y;
  area.put(2, y++, "Read-only: nothing that you press changes the daemon. Any key closes this.", style::dim);
}

}  // namespace freshet::cli

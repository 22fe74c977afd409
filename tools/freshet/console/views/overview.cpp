#include "tools/freshet/console/views/overview.hpp"

#include "tools/freshet/console/chart.hpp"
#include "tools/freshet/console/format.hpp"
#include "tools/freshet/console/views/event_style.hpp"
#include "tools/freshet/console/views/flow_picture.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace freshet::cli {
namespace {

constexpr std::size_t axis = 6;  // columns left of the chart

std::string points(double difference) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%+.1f points", difference * 100);
  return buffer.data();
}

void draw_legend(const live_model& m, canvas line) {
  std::size_t x = line.put(0, 0, "accuracy  ", style::bold);
  x = line.put(x, 0, "━━ adapting " + short_percent(m.accuracy), style::adapting);
  if (m.twin_accuracy) {
    x = line.put(x + 3, 0, "┄┄ frozen twin " + short_percent(m.twin_accuracy), style::frozen);
    if (m.accuracy) {
      const double gain = *m.accuracy - *m.twin_accuracy;
      line.put(x + 3, 0, points(gain), gain >= 0 ? style::good : style::bad);
    }
  }
}

/// The names of phases where they begin.
void draw_phases(const live_model& m, std::size_t shown, canvas line) {
  const std::size_t columns = line.width();
  std::string last;
  std::size_t free = 0;
  for (std::size_t i = m.course.size() - shown; i < m.course.size(); ++i) {
    const std::string& phase = m.course[i].phase;
    if (phase == last) continue;
    last = phase;
    const std::size_t x = (2 * columns - (m.course.size() - i)) / 2;
    if (x < free) continue;
    line.put(x, 0, U'┊', style::dim);
    free = line.put(x + 1, 0, phase, style::dim) + 1;
  }
}

void draw_accuracy(const live_model& m, canvas area) {
  if (area.height() < 4) return;
  draw_legend(m, area);
  canvas plot = area.part(axis, 1, area.width() - axis, area.height() - 2);
  const std::size_t shown = std::min(m.course.size(), 2 * plot.width());
  chart_line adapting{{}, style::adapting, false};
  chart_line frozen{{}, style::frozen, true};
  double lowest = 1;
  for (std::size_t i = m.course.size() - shown; i < m.course.size(); ++i) {
    adapting.values.push_back(m.course[i].adapting);
    frozen.values.push_back(m.course[i].frozen);
    lowest = std::min({lowest, m.course[i].adapting.value_or(1), m.course[i].frozen.value_or(1)});
  }
  // From the next half or quarter below, so that the lines use the room.
  const double low = lowest > 0.75 ? 0.75 : lowest > 0.5 ? 0.5 : lowest > 0.25 ? 0.25 : 0;
  const std::size_t bottom = area.height() - 2;
  for (std::size_t y = 1; y <= bottom; ++y) area.put(axis - 1, y, U'│', style::dim);
  area.put_right(axis - 1, 1, "100 %", style::dim);
  area.put_right(axis - 1, bottom, short_number(low * 100) + " %", style::dim);
  draw_chart(plot, {adapting, frozen}, low, 1);
  draw_phases(m, shown, area.part(axis, area.height() - 1, area.width() - axis, 1));
}

void draw_traffic(const live_model& m, canvas area) {
  constexpr std::size_t bar_at = 52;
  const auto line = [&](std::size_t y, const char* name, const maybe& rate, const maybe& part, const maybe& of,
                        const char* unit) {
    area.put(0, y, name, style::bold);
    area.put_right(20, y, short_bytes(rate) + "/s", style::flow);
    std::string text = short_bytes(part) + unit;
    if (of) text += " of " + short_bytes(of);
    area.put(22, y, text);
    if (!part || !of || *of <= 0 || area.width() < bar_at + 16) return;
    const double share = *part / *of;
    const std::size_t width = area.width() - bar_at - 8;
    draw_bar(area, bar_at, y, width, share, share > 1.05 ? style::warn : style::flow);
    area.put_right(area.width(), y, short_number(std::round(share * 100)) + " %",
                   share > 1.05 ? style::warn : style::normal);
  };
  line(0, "uplink", m.uplink_bytes_per_s, m.uplink_bytes_per_sample, m.uplink_budget_bytes_per_sample, " a sample");
  // Without a budget: of the whole adapter in fp16.
  const maybe whole = m.refresh_budget_bytes ? m.refresh_budget_bytes : m.refresh_whole_bytes;
  line(1, "downlink", m.downlink_bytes_per_s, m.refresh_bytes, whole, " a refresh");
}

void draw_events(const live_model& m, canvas area) {
  for (std::size_t i = 0; i < m.events.size() && i < area.height(); ++i) {
    const live_event& e = m.events[i];
    area.put(0, i, clock_time(e.t_s), style::dim);
    const std::size_t x = area.put(9, i, e.where, style::dim);
    area.put(x + 1, i, e.text, style_of_event(e.level));
  }
}

class overview final : public view {
 public:
  [[nodiscard]] std::string name() const override { return "overview"; }
  void draw(const live_model& model, canvas area) override {
    const std::size_t inner = area.height() >= 30 ? 3 : 2;
    const std::size_t picture = picture_height(inner);
    draw_flow(model, area.part(0, 0, area.width(), picture), inner);
    if (area.height() <= picture + 2) return;
    const std::size_t left = area.height() - picture;
    const std::size_t chart = std::max<std::size_t>(7, left / 2);
    draw_accuracy(model, area.part(0, picture, area.width(), std::min(chart, left)));
    const std::size_t traffic = picture + chart;
    if (area.height() < traffic + 2) return;
    draw_traffic(model, area.part(0, traffic, area.width(), 2));
    const std::size_t space = area.height() >= 30 ? 1 : 0;
    if (area.height() <= traffic + 2 + space) return;
    draw_events(model, area.part(0, traffic + 2 + space, area.width(), area.height() - traffic - 2 - space));
  }
};

}  // namespace

std::unique_ptr<view> make_overview() { return std::make_unique<overview>(); }

}  // namespace freshet::cli

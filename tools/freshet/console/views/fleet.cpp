#include "tools/freshet/console/views/fleet.hpp"

#include "tools/freshet/console/format.hpp"
#include "tools/freshet/console/sorting.hpp"
#include "tools/freshet/console/table.hpp"

#include <algorithm>

namespace freshet::cli {
namespace {

style style_of_state(const std::string& state) { return state == "up" ? style::good : style::bad; }

style style_of_lag(const maybe& lag) {
  return !lag || *lag == 0 ? style::dim : *lag <= 2 ? style::normal : style::warn;
}

class fleet_view final : public view {
 public:
  [[nodiscard]] std::string name() const override { return "fleet"; }
  [[nodiscard]] std::string keys() const override { return "s sort  r reverse"; }
  void draw(const live_model& model, canvas area) override {
    const auto up =
        std::count_if(model.devices.begin(), model.devices.end(), [](const auto& d) { return d.state == "up"; });
    std::size_t x = area.put(0, 0, std::to_string(model.devices.size()) + " devices, ", style::normal);
    x = area.put(x, 0, std::to_string(up) + " up",
                 up == static_cast<std::ptrdiff_t>(model.devices.size()) ? style::good : style::bad);
    area.put(x, 0,
             "   desired version " + whole_number(model.desired_version) + "   " + short_number(model.answers_per_s) +
                 " answers/s",
             style::normal);
    std::vector<table_row> rows;
    rows.reserve(model.devices.size());
    for (const live_device* d : order_.sorted(model.devices))
      rows.push_back({{d->name, style::normal},
                      {d->state, style_of_state(d->state)},
                      {whole_number(d->version), style::normal},
                      {short_number(d->lag), style_of_lag(d->lag)},
                      {d->phase.empty() ? "–" : d->phase, style::normal},
                      {short_percent(d->accuracy), style::adapting},
                      {short_percent(d->twin_accuracy), style::frozen},
                      {short_number(d->answers_per_s), style::normal},
                      {short_bytes(d->uplink_bytes), style::flow},
                      {short_bytes(d->uplink_bytes_per_s), style::flow},
                      {short_number(d->answered), style::normal}});
    table_.draw(area.part(0, 2, area.width(), area.height() - std::min<std::size_t>(2, area.height())), rows,
                order_.column(), order_.falling());
  }
  bool press(key k) override { return order_.press(k) || table_.press(k); }

 private:
  using by = sort_key<live_device>;
  sorting<live_device> order_{
      {by{{}, [](const live_device& d) { return d.name; }}, by{{}, [](const live_device& d) { return d.state; }},
       by{[](const live_device& d) { return d.version; }, {}}, by{[](const live_device& d) { return d.lag; }, {}, true},
       by{{}, [](const live_device& d) { return d.phase; }}, by{[](const live_device& d) { return d.accuracy; }, {}},
       by{[](const live_device& d) { return d.twin_accuracy; }, {}},
       by{[](const live_device& d) { return d.answers_per_s; }, {}, true},
       by{[](const live_device& d) { return d.uplink_bytes; }, {}, true}}};
  scrolling_table table_{{{"device", 15, false},
                          {"state", 7, false},
                          {"version", 8},
                          {"lag", 4},
                          {"phase", 8, false},
                          {"adapting", 9},
                          {"frozen", 7},
                          {"ans/s", 6},
                          {"uplink", 7},
                          {"up/s", 7},
                          {"answered", 9}}};
};

}  // namespace

std::unique_ptr<view> make_fleet_view() { return std::make_unique<fleet_view>(); }

}  // namespace freshet::cli

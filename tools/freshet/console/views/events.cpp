#include "tools/freshet/console/views/events.hpp"

#include "tools/freshet/console/format.hpp"
#include "tools/freshet/console/table.hpp"
#include "tools/freshet/console/views/event_style.hpp"

namespace freshet::cli {
namespace {

class events_view final : public view {
 public:
  [[nodiscard]] std::string name() const override { return "events"; }
  void draw(const live_model& model, canvas area) override {
    if (model.events.empty()) {
      area.put(0, 1, "nothing has happened yet", style::dim);
      return;
    }
    std::vector<table_row> rows;
    rows.reserve(model.events.size());
    for (const live_event& e : model.events)
      rows.push_back({{e.where, style::dim}, {clock_time(e.t_s), style::dim}, {e.text, style_of_event(e.level)}});
    table_.draw(area, rows, 1, true);
  }
  bool press(key k) override { return table_.press(k); }

 private:
  scrolling_table table_{{{"where", 22, false}, {"after", 8, true}, {"what", 46, false}}};
};

}  // namespace

std::unique_ptr<view> make_events_view() { return std::make_unique<events_view>(); }

}  // namespace freshet::cli

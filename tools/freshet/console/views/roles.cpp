#include "tools/freshet/console/views/roles.hpp"

#include "tools/freshet/console/format.hpp"
#include "tools/freshet/console/sorting.hpp"
#include "tools/freshet/console/table.hpp"

#include <algorithm>

namespace freshet::cli {
namespace {

style style_of_name(const live_role& r) { return r.up() ? style::normal : style::bad; }
style above(const maybe& value, double limit) { return value && *value >= limit ? style::warn : style::normal; }

class roles_view final : public view {
 public:
  [[nodiscard]] std::string name() const override { return "roles"; }
  [[nodiscard]] std::string keys() const override { return "s sort  r reverse"; }
  void draw(const live_model& model, canvas area) override {
    std::vector<table_row> rows;
    rows.reserve(model.roles.size());
    for (const live_role* r : order_.sorted(model.roles))
      rows.push_back({{r->name, style_of_name(*r)},
                      {r->up() ? short_percent(r->busy) : r->state, r->up() ? above(r->busy, 0.9) : style::bad},
                      {short_number(r->in_per_s), style::flow},
                      {short_number(r->mailbox), above(r->mailbox, 100)},
                      {short_time(r->wait_p50_us), style::normal},
                      {short_time(r->wait_p99_us), above(r->wait_p99_us, 1e6)},
                      {short_time(r->service_p50_us), style::normal},
                      {short_time(r->service_p99_us), style::normal},
                      {short_number(r->restarts), above(r->restarts, 1)},
                      {short_bytes(r->up() ? r->resident_bytes : maybe()), style::normal},
                      {short_number(r->out_per_s), style::flow},
                      {short_time(r->slice_p99_us), above(r->slice_p99_us, 1e6)},
                      {r->uptime_s ? clock_time(*r->uptime_s) : "–", style::dim}});
    table_.draw(area, rows, order_.column(), order_.falling());
  }
  bool press(key k) override { return order_.press(k) || table_.press(k); }

 private:
  using by = sort_key<live_role>;
  sorting<live_role> order_{{by{{}, [](const live_role& r) { return r.name; }},
                             by{[](const live_role& r) { return r.busy; }, {}, true},
                             by{[](const live_role& r) { return r.in_per_s; }, {}, true},
                             by{[](const live_role& r) { return r.mailbox; }, {}, true},
                             by{[](const live_role& r) { return r.wait_p50_us; }, {}, true},
                             by{[](const live_role& r) { return r.wait_p99_us; }, {}, true},
                             by{[](const live_role& r) { return r.service_p50_us; }, {}, true},
                             by{[](const live_role& r) { return r.service_p99_us; }, {}, true},
                             by{[](const live_role& r) { return r.restarts; }, {}, true},
                             by{[](const live_role& r) { return r.resident_bytes; }, {}, true}}};
  scrolling_table table_{{{"role", 19, false},
                          {"busy", 7},
                          {"in/s", 5},
                          {"mail", 4},
                          {"wait50", 6},
                          {"wait99", 6},
                          {"serv50", 6},
                          {"serv99", 6},
                          {"rst", 3},
                          {"memory", 7},
                          {"out/s", 5},
                          {"slice99", 7},
                          {"up", 8}}};
};

}  // namespace

std::unique_ptr<view> make_roles_view() { return std::make_unique<roles_view>(); }

}  // namespace freshet::cli

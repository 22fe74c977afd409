#include "actors/control/agent_core.hpp"

#include "actors/refusal.hpp"
#include "kernels/base/json_line.hpp"

#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace {

constexpr duration report_every = std::chrono::seconds(1);

class agent_core final : public role_core {
 public:
  agent_core(topology::address control, std::shared_ptr<node_operations> node)
      : control_(std::move(control)), node_(std::move(node)) {}

  void start(time_point now, outbox& out) override { report(now, out); }

  void handle(const topology::address& from, const topology::any_message& m, time_point now, outbox& out) override {
    const auto* order = std::get_if<topology::topology_order>(&m);
    if (order == nullptr) return refuse_unknown("agent", from, m, out);
    if (from != control_)
      return refuse(from, m, error{errc::invalid_argument, "orders come from " + control_.text()}, out);
    ++orders_;
    node_->order(*order);
    report(now, out);
  }

  void tick(time_point now, outbox& out) override { report(now, out); }
  bool work(time_point, outbox&) override { return false; }
  std::uint32_t capacity(const topology::address&) const override { return 16; }

  std::string stats_json() const override {
    const auto r = node_->report();
    return json_line(nlohmann::json{{"revision", r.active}, {"prepared", r.prepared}, {"finished", r.finished},
                          {"failed", r.failed},   {"failure", r.failure},   {"orders", orders_}});
  }

  void stop(time_point, outbox&) override {}

 private:
  void report(time_point now, outbox& out) {
    topology::node_report now_is = node_->report();
    if (said_ && *said_ == now_is && now - said_at_ < report_every) return;
    out.send(control_, now_is);
    said_ = std::move(now_is);
    said_at_ = now;
  }

  topology::address control_;
  std::shared_ptr<node_operations> node_;
  std::optional<topology::node_report> said_;
  time_point said_at_{};
  std::uint64_t orders_ = 0;
};

}  // namespace

std::unique_ptr<role_core> make_agent(topology::address control, std::shared_ptr<node_operations> node) {
  return std::make_unique<agent_core>(std::move(control), std::move(node));
}

}  // namespace freshet::actors

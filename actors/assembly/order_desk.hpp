// Where AGENT leaves orders until the owner of the node carries them out, and what the owner says of the node.
// Thread contract: any thread.
#pragma once

#include "actors/control/node_operations.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace freshet::actors {

class order_desk final : public node_operations {
 public:
  explicit order_desk(topology::node_report first) : report_(std::move(first)) {}

  void order(const topology::topology_order& what) override {
    {
      const std::lock_guard lock(mutex_);
      if (done(what)) return;  // said again because the report was still under way
      order_ = what;
    }
    came_.notify_all();
  }
  [[nodiscard]] topology::node_report report() const override {
    const std::lock_guard lock(mutex_);
    return report_;
  }

  std::optional<topology::topology_order> take(std::chrono::milliseconds longest) {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, longest, [&] { return order_.has_value(); });
    return std::exchange(order_, std::nullopt);
  }
  template <class F>
  void update(F change) {
    const std::lock_guard lock(mutex_);
    change(report_);
  }

 private:
  [[nodiscard]] bool done(const topology::topology_order& what) const {
    if (what.step == topology::change_step::prepare && report_.prepared == what.revision) return true;
    if (report_.active != what.revision) return false;
    return what.step != topology::change_step::finish || (report_.finished && report_.prepared == 0);
  }
  mutable std::mutex mutex_;
  std::condition_variable came_;
  topology::node_report report_;
  std::optional<topology::topology_order> order_;
};

}  // namespace freshet::actors

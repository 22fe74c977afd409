// What is known of the daemon at one time, and the checks that follow from it: /livez, /readyz and /metrics
// are read from a copy of this, so that no request ever waits for an actor or a process.
// Thread contract: service_board's members from any thread; the rest are plain values and pure functions.
#pragma once

#include "tools/freshet/service/node_watch.hpp"
#include "topology/graph/graph.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace freshet::cli {

struct service_view {
  std::chrono::steady_clock::time_point taken{};  ///< one that is old says that the main loop hangs
  std::vector<node_view> nodes;                   ///< that run here
  std::shared_ptr<const topology::graph> graph;   ///< once it is another than at the start
  bool stopping = false;
  std::optional<std::uint64_t> disk_free_bytes;
  std::optional<std::uint64_t> disk_size_bytes;
  std::uint64_t reloads = 0;
  /// The last stats document (stats_document.md), when one has come, and when that was.
  std::shared_ptr<const std::string> figures;
  std::chrono::steady_clock::time_point figures_taken{};
  std::string figures_problem;  ///< why the last question for figures had no answer; empty: it had
};

class service_board {
 public:
  void put(service_view view) {
    std::lock_guard lock(mutex_);
    view_ = std::move(view);
  }
  [[nodiscard]] service_view get() const {
    std::lock_guard lock(mutex_);
    return view_;
  }

 private:
  mutable std::mutex mutex_;
  service_view view_;
};

struct health_check {
  std::string name;
  std::string why;  ///< it fails; empty: it is well
  [[nodiscard]] bool ok() const noexcept { return why.empty(); }
};

/// Whether a new process would help: what /livez says. Empty when all is well, else why not.
[[nodiscard]] std::string why_not_alive(const service_view& view, const config::service_settings& limits,
                                        std::chrono::steady_clock::time_point now);
/// All checks of /readyz, in a fixed order.
[[nodiscard]] std::vector<health_check> readiness(const service_view& view, const topology::graph& graph,
                                                  std::chrono::steady_clock::time_point now);

}  // namespace freshet::cli

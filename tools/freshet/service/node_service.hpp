// One node as a service: asks its actors for signs of life, and passes on what comes of it. Alone it has a front
// of its own; under a launcher it speaks to that.
// Thread contract: owned by the node's main thread.
#pragma once

#include "actors/rt/node.hpp"
#include "tools/freshet/service/service_front.hpp"
#include "tools/freshet/stats_client.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace freshet::cli {

/// Roles that do not run as they should, in words.
[[nodiscard]] std::vector<unwell_role> unwell_roles(const std::vector<rt::child_health>& health);
/// Every role has answered since it was started, and none is given up.
[[nodiscard]] bool all_run(const std::vector<rt::child_health>& health);

class node_service {
 public:
  /// With `launcher`, the path of its socket; without, a front as the graph and the environment say. The graph must
  /// outlive it.
  static result<std::unique_ptr<node_service>> open(const topology::graph& graph, const std::string& node,
                                                    const std::string& launcher, std::function<void()> read_again);

  [[nodiscard]] service_front& front() noexcept { return *front_; }
  /// Called every fraction of a second while the node runs; blocks for a moment when something hangs.
  void turn(const rt::node& running);
  void reload() { front_->reload(read_again_); }

 private:
  node_service(const topology::graph& graph, std::string node, std::unique_ptr<service_front> front, bool alone,
               std::function<void()> read_again);

  const topology::graph& graph_;
  std::string node_;
  std::unique_ptr<service_front> front_;
  bool alone_;
  std::function<void()> read_again_;
  std::optional<stats_client> client_;  ///< of a node that runs alone, where there is STATS to ask
  std::chrono::milliseconds period_;
  std::chrono::steady_clock::time_point next_{};
  std::chrono::steady_clock::time_point answered_ = std::chrono::steady_clock::now();
};

}  // namespace freshet::cli

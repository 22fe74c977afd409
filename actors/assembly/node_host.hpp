// One node of a topology that may change: owns the running node, makes it what orders say (CONTROL's, by
// AGENT), and keeps it as it is when that cannot be. Orders are carried out on a thread of the host's own.
//
//   auto host = node_host::start(engine, links, graph, {...});
//   while (!stop) watch_over(host.value()->node());
//   host.value()->stop(deadline);
//
// Thread contract: one owner.
#pragma once

#include "actors/control/control_core.hpp"
#include "actors/control/node_operations.hpp"
#include "actors/rt/node.hpp"
#include "topology/graph/graph.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace freshet::actors {

struct node_host_options {
  std::string node;
  std::uint64_t revision = 0;  ///< of the graph that it starts with; 0 = not known
  /// Where relative folders of documents are; empty: where the order says.
  std::optional<std::string> base_dir;
  bool await = false;          ///< start no role of the graph before an order says so
  std::shared_ptr<spdlog::logger> log;
  std::function<void(const std::string& role, const std::string& why)> on_give_up;
  /// Makes CONTROL, if this is the node that has it.
  rt::core_factory control;
};

class node_host {
 public:
  static result<std::unique_ptr<node_host>> start(rt::system& engine, rt::transport& links, topology::graph graph,
                                                  node_host_options options);
  ~node_host();

  /// To be asked and watched; changed by the host alone.
  [[nodiscard]] rt::node& node();
  [[nodiscard]] topology::node_report report() const;
  /// No order is carried out any more; waits for one that is.
  void halt();
  rt::stop_report stop(std::chrono::milliseconds deadline);

 private:
  class state;
  explicit node_host(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

}  // namespace freshet::actors

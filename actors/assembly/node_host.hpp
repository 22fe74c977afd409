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

/// Makes one role ready to be started; while a former one of its name may still run.
using role_maker = std::function<result<rt::role_spec>(const topology::role_spec&)>;

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
  /// What makes the roles of a graph that a change starts here; the assembly when it is empty.
  std::function<role_maker(const topology::graph& wanted)> make_roles;
};

class node_host {
 public:
  static result<std::unique_ptr<node_host>> start(rt::system& engine, rt::transport& links, topology::graph graph,
                                                  node_host_options options);
  ~node_host();

  /// To be asked and watched; changed by the host alone.
  [[nodiscard]] rt::node& node();
  /// Where orders are left, and what the node is: what AGENT uses.
  [[nodiscard]] node_operations& operations();
  /// No order is carried out any more; waits for what one does to the node. False when a model is still being loaded
  /// for a change: that cannot be broken off, leaves the node alone, and the destructor would wait for it. Ask again.
  bool halt();
  rt::stop_report stop(std::chrono::milliseconds deadline);

 private:
  class state;
  explicit node_host(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

}  // namespace freshet::actors

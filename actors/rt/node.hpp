// A node: one port, one supervisor, and the roles that run here. Start it, stop it; in between it
// needs nobody. Several nodes may live in one process, sharing the system and the transport.
//
//   rt::system engine;
//   port::zmq_transport links;                       // one a process
//   auto cloud = rt::node::start(engine, links, {.name, .listen, .peers, .stats, .roles});
//   ...
//   cloud.value()->stop(std::chrono::seconds(5));
//
// Thread contract: one owner; traffic() and health() from any thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/rt/core_factory.hpp"
#include "actors/rt/placement.hpp"
#include "actors/rt/restart_budget.hpp"
#include "actors/rt/supervision_board.hpp"
#include "actors/rt/traffic.hpp"
#include "actors/rt/transport.hpp"
#include "kernels/base/result.hpp"
#include "topology/flow/link_table.hpp"

namespace spdlog {
class logger;
}

namespace freshet::rt {

class system;

struct role_spec {
  std::string name;                       ///< unique in the node
  core_factory factory;
  placement where = placement::shared;
  restart_limits restarts;
};

struct node_options {
  std::string name;
  std::vector<std::string> listen;             ///< inproc://…, ipc://…, tcp://… (":*" picks a port)
  std::map<std::string, std::string> peers;    ///< node -> endpoint; nodes that connect to us need no entry
  std::optional<topology::address> stats;      ///< every role and the port report there once a second
  std::vector<role_spec> roles;
  std::shared_ptr<spdlog::logger> log;         ///< the system's when empty
  port_limits limits;
  topology::link_table::options links;         ///< of every role here
  link_security security;
  duration tick_period = std::chrono::milliseconds(100);
  duration report_period = std::chrono::seconds(1);
  /// A role failed more often than its limits allow and stays down. Called in the supervisor.
  std::function<void(const std::string& role, const std::string& why)> on_give_up;
};

struct stop_report {
  bool in_time = true;
  std::vector<std::string> left;   ///< roles that had not ended at the deadline and were abandoned
  traffic_snapshot traffic;
};

class node {
 public:
  /// Binds, then spawns the roles in order. Nothing is left running after an error.
  static result<std::unique_ptr<node>> start(system& engine, transport& links, node_options options);
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  /// Roles first (each flushes), then the port; returns within about `deadline`. Idempotent.
  stop_report stop(std::chrono::milliseconds deadline);

  [[nodiscard]] const std::string& name() const;
  /// As bound, in the order of `listen`.
  [[nodiscard]] const std::vector<std::string>& endpoints() const;
  /// With a `server_key` of 32 bytes the link is encrypted for it.
  void connect(const std::string& peer, const std::string& endpoint, const std::string& server_key = {});
  void disconnect(const std::string& peer);
  /// One more role, or another one in place of a stopped one of that name.
  void start_role(role_spec role);
  /// Stops a role for good: in order, and at once when that takes longer than `deadline`. False when it did, or when
  /// `hurry` (asked now and then) is true before: then it is left to stop().
  bool stop_role(const std::string& role, std::chrono::milliseconds deadline,
                 const std::function<bool()>& hurry = [] { return false; });
  /// Asks every role for a sign of life without waiting; health() says when each answered last.
  void knock() const;
  /// Figures of every role that runs, by its name, as its core and shell tell them now. Blocks until all have
  /// answered, for at most `patience`; who has not is missing. The owner's thread.
  [[nodiscard]] std::map<std::string, std::string> figures(std::chrono::milliseconds patience) const;
  [[nodiscard]] traffic_snapshot traffic() const;
  [[nodiscard]] std::vector<child_health> health() const;
  /// Asks the port and the supervisor for a sign of life, and through it every role (health() then says when
  /// each answered last). False when one of the two is silent for `patience`. Blocks; the owner's thread.
  [[nodiscard]] bool answers(std::chrono::milliseconds patience) const;
  /// True once a role has been given up, or the port has ended by itself.
  [[nodiscard]] bool failed() const;

 private:
  struct state;
  explicit node(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

}  // namespace freshet::rt

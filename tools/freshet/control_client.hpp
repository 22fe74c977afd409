// Talks to the CONTROL role of a running daemon, or to another that answers operators: asks, waits for the
// answer, asks again when it was lost.
// Thread contract: one thread.
#pragma once

#include "kernels/base/result.hpp"
#include "topology/graph/graph.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

namespace freshet::cli {

class control_client {
 public:
  /// `graph` is that of the running daemon.
  static result<control_client> open(const topology::graph& graph);
  /// To a role of its own; its node must listen.
  static result<control_client> open(const topology::graph& graph, const topology::address& role);
  control_client(control_client&&) noexcept;
  control_client& operator=(control_client&&) noexcept;
  ~control_client();

  /// What is said no to comes back as the error that it is. A lost answer is asked for again, so
  /// `request` must bear to be heard twice; see `once`.
  result<nlohmann::json> ask(const std::string& verb, const nlohmann::json& request,
                             std::chrono::milliseconds patience);
  /// For what must not be done twice: sent one time only.
  result<nlohmann::json> once(const std::string& verb, const nlohmann::json& request,
                              std::chrono::milliseconds patience);

 private:
  struct state;
  explicit control_client(std::unique_ptr<state> s);
  result<nlohmann::json> exchange(const std::string& verb, const nlohmann::json& request,
                                  std::chrono::milliseconds patience, bool again);
  std::unique_ptr<state> state_;
};

}  // namespace freshet::cli

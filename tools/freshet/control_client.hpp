// What operators ask of CONTROL, or of another role that answers them: a verb and JSON each way, over a
// console_line.
// Thread contract: one thread.
#pragma once

#include "kernels/base/result.hpp"
#include "tools/freshet/console_line.hpp"
#include "topology/graph/graph.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace freshet::cli {

class control_client {
 public:
  /// `graph` is that of the running daemon.
  static result<control_client> open(const topology::graph& graph);
  /// To a role of its own; its node must listen.
  static result<control_client> open(const topology::graph& graph, const topology::address& role);

  /// What is said no to comes back as the error that it is. A lost answer is asked for again, so
  /// `request` must bear to be heard twice; see `once`.
  result<nlohmann::json> ask(const std::string& verb, const nlohmann::json& request,
                             std::chrono::milliseconds patience);
  /// For what must not be done twice: sent one time only.
  result<nlohmann::json> once(const std::string& verb, const nlohmann::json& request,
                              std::chrono::milliseconds patience);

 private:
  explicit control_client(console_line line) : line_(std::move(line)) {}
  result<nlohmann::json> exchange(const std::string& verb, const nlohmann::json& request,
                                  std::chrono::milliseconds patience, bool again);
  console_line line_;
  std::uint64_t number_ = 0;  ///< of the last question
};

}  // namespace freshet::cli

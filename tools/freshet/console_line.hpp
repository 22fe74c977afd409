// A console's line to one role of a running daemon: a question, its answer, and the question again when either was
// lost. What is asked, and what is an answer, is the caller's.
// Thread contract: owned by one thread.
#pragma once

#include "kernels/base/result.hpp"
#include "topology/graph/graph.hpp"
#include "topology/message/any_message.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace freshet::cli {

class console_line {
 public:
  /// Connects in the background; fails when the role's node listens nowhere.
  static result<console_line> open(const topology::graph& graph, const topology::address& role);
  console_line(console_line&&) noexcept;
  console_line& operator=(console_line&&) noexcept;
  ~console_line();

  /// Takes the text out of a message that is the answer.
  using answer_in = std::function<std::optional<std::string>(const topology::any_message&)>;
  /// errc::unavailable when nobody is there within `patience`, errc::timeout when somebody does not answer. With
  /// `again` the question is repeated about once a second.
  result<std::string> ask(const topology::any_message& question, const answer_in& answer,
                          std::chrono::milliseconds patience, bool again);
  [[nodiscard]] const topology::address& role() const;

 private:
  struct state;
  explicit console_line(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

}  // namespace freshet::cli

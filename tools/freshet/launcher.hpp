// A process for each node: starts them, starts again what dies, stops all within a bound.
// When to start again is decided by restart_plan (launch_plan.hpp), which knows neither processes nor clocks.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/launch_plan.hpp"
#include "tools/freshet/process_signals.hpp"

namespace freshet::cli {

struct node_command {
  std::string node;
  std::vector<std::string> arguments;   ///< of the process; the first is the program's path
  std::string log_file;                 ///< where its output goes; empty: where ours goes
};

struct launch_options {
  std::vector<node_command> nodes;
  launch_limits limits;
  std::optional<std::chrono::milliseconds> run_for;   ///< then a stop in order; from the first start on
  std::chrono::milliseconds report_every{1000};
  /// Asked often: another set of processes that should run, when it has changed. What is no longer in it
  /// stops in order; what stays is left alone, and started with the new command when it is started again.
  std::function<std::optional<std::vector<node_command>>()> wanted = [] { return std::nullopt; };
  /// What happened, as a sentence for people.
  std::function<void(const std::string&)> on_event = [](const std::string&) {};
  /// Called about every report_every while all is meant to run. May block for a moment.
  std::function<void()> on_report = [] {};
};

/// Returns when every process has ended. A first SIGINT, SIGTERM or SIGHUP stops in order, a second one at
/// once. Thread contract: the main thread of a process, which has no other children.
exit_code launch(const launch_options& options, process_signals& signals);

}  // namespace freshet::cli

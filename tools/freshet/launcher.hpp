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
  bool trial = false;                   ///< of a change that may yet be taken back: when it fails, nothing else ends
};

/// Follows what the launcher does. All calls come from its loop and must be brief.
class launch_observer {
 public:
  virtual ~launch_observer() = default;
  /// The set of nodes has changed.
  virtual void wanted(const std::vector<std::string>& nodes) = 0;
  virtual void started(const std::string& node, pid_t process) = 0;
  /// With how it ended and what happens next, for people.
  virtual void ended(const std::string& node, const std::string& how) = 0;
  /// Every turn of the loop, at least once each report_every. Names nodes that hang: their processes are killed,
  /// and start again like any that died.
  virtual std::vector<std::string> turn() = 0;
  /// Can be read when a turn is wanted at once; -1 for never.
  [[nodiscard]] virtual int wake_descriptor() const = 0;
  /// SIGHUP came.
  virtual void reload() = 0;
  /// Before any process is asked to end.
  virtual void stopping() = 0;
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
  launch_observer* observer = nullptr;   ///< may be none
};

/// Returns when every process has ended. A first SIGINT or SIGTERM stops in order, a second one at
/// once. Thread contract: the main thread of a process, which has no other children.
exit_code launch(const launch_options& options, process_signals& signals);

}  // namespace freshet::cli

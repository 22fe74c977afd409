#pragma once

#include <memory>
#include <optional>
#include <string>

#include <spdlog/logger.h>

#include "tools/freshet/child_process.hpp"
#include "tools/freshet/commands/topology_options.hpp"

namespace freshet::cli {

/// What a SIGHUP does: the file is read and checked again, and applied as `freshet apply` would, by a process of its
/// own: the node that decides, and the launcher that starts nodes, must not wait for themselves.
/// Thread contract: one owner.
class reloader {
 public:
  reloader(topology_options options, std::string state_dir, std::shared_ptr<spdlog::logger> log)
      : options_(std::move(options)), state_dir_(std::move(state_dir)), log_(std::move(log)) {}

  void operator()();
  /// Takes note of how it ended.
  void poll();

 private:
  [[nodiscard]] std::string words() const { return state_dir_ + "/control/reload.log"; }
  [[nodiscard]] std::string last_words() const;

  topology_options options_;
  std::string state_dir_;
  std::shared_ptr<spdlog::logger> log_;
  std::optional<child_process> child_;
};

}  // namespace freshet::cli

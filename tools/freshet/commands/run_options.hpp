// What `freshet run` is told.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "actors/control/control_core.hpp"
#include "config/quantity.hpp"
#include "config/schema/logging.hpp"
#include "tools/freshet/commands/topology_options.hpp"

namespace freshet::cli {

struct run_options {
  topology_options topology;
  std::string run_for;
  std::string node;
  std::string log = "files";
  std::string log_format;   ///< empty: as the configuration says
  std::string log_level;
  // Said by a launcher to the nodes that it starts.
  std::string launcher;     ///< its socket; empty: none
  std::uint64_t revision = 0;
  bool await = false;

  void change(config::logging_settings& logging) const {
    if (!log_format.empty()) logging.format = log_format;
    if (!log_level.empty()) logging.level = log_level;
  }

  [[nodiscard]] std::optional<std::chrono::milliseconds> duration() const { return config::parse_duration(run_for); }
};

/// The topology of a revision that lies in this state folder.
result<topology::graph> graph_of(const actors::revision& r, const std::string& state_dir);

/// The node that the options name, in this process, until it is told to stop. Its return value is the exit status.
int run_alone(const run_options& options);

}  // namespace freshet::cli

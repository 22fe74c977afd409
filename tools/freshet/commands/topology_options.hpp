// The options that say which topology is meant: a file, or the built-in default; and where its state is.
// Shared by the commands that read one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kernels/base/result.hpp"
#include "topology/graph/graph.hpp"

namespace CLI {
class App;
}

namespace freshet::cli {

struct topology_options {
  std::string file;                     ///< empty: none given
  std::string state_dir;                ///< empty: none given
  std::optional<std::uint32_t> devices; ///< of the built-in default
  std::string base_dir;                 ///< relative folders of the document are below it; empty: the working folder

  void add_file_to(CLI::App& command);
  void add_state_to(CLI::App& command);
  /// The file as a way to a daemon that runs elsewhere, or with another state folder.
  void add_daemon_to(CLI::App& command);
  void add_devices_to(CLI::App& command);
};

struct chosen_topology {
  std::string text;        ///< the document as it was written
  topology::graph graph;   ///< with absolute paths
};

/// The file, or the built-in default; paths are made absolute.
result<chosen_topology> load_topology(const topology_options& options);
/// The file, or the document of the daemon that has the state folder.
result<chosen_topology> load_running_topology(const topology_options& options);

/// Tells the error on standard error and gives the exit status that belongs to it.
int report(const error& e);

}  // namespace freshet::cli

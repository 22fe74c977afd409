#include "tools/freshet/commands/topology_options.hpp"

#include <iostream>

#include <CLI/CLI.hpp>

#include "config/parse.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/paths.hpp"
#include "topology/graph/embedded.hpp"
#include "topology/graph/load.hpp"

namespace freshet::cli {
namespace {

result<chosen_topology> load(std::string text, const std::string& name, const topology_options& options) {
  topology::load_options load;
  load.file = name;
  load.base_dir = options.base_dir.empty() ? working_dir() : options.base_dir;
  if (!options.state_dir.empty()) load.state_dir = absolute(options.state_dir);
  FRESHET_TRY_ASSIGN(topology::graph graph, topology::load_graph(text, load));
  return chosen_topology{std::move(text), std::move(graph)};
}

}  // namespace

void topology_options::add_file_to(CLI::App& command) {
  command.add_option("-c,--config", file, "TOML file with nodes, roles and settings; without it, the built-in default")
      ->option_text("FILE");
}
void topology_options::add_state_to(CLI::App& command) {
  command.add_option("--state", state_dir, "Folder for all state; above what the file says")->option_text("DIR");
}
void topology_options::add_daemon_to(CLI::App& command) {
  add_state_to(command);
  command.add_option("-c,--config", file, "The daemon's own file, where its state folder is not on this host")->option_text("FILE");
}
void topology_options::add_devices_to(CLI::App& command) {
  command.add_option("--devices", devices, "Devices of the built-in default (4)")
      ->option_text("N")
      ->check(CLI::Range(1U, 256U))
      ->excludes("--config");
}

result<chosen_topology> load_topology(const topology_options& options) {
  if (!options.file.empty()) {
    FRESHET_TRY_ASSIGN(std::string text, config::read_text_file(options.file));
    return load(std::move(text), options.file, options);
  }
  topology::embedded_options embedded;
  embedded.devices = options.devices.value_or(embedded.devices);
  embedded.state_dir = options.state_dir.empty() ? default_state_dir() : absolute(options.state_dir);
  FRESHET_TRY_ASSIGN(embedded.models_dir, find_models());
  return load(topology::embedded_default(embedded), "built-in default", options);
}

result<chosen_topology> load_running_topology(const topology_options& options) {
  if (!options.file.empty()) return load_topology(options);
  const std::string state = options.state_dir.empty() ? default_state_dir() : absolute(options.state_dir);
  auto text = config::read_text_file(document_in(state));
  if (!text)
    return error{errc::unavailable, "no daemon has run with the state folder " + state +
                                        "; name its folder with --state, or its file with --config"};
  topology_options here = options;
  here.state_dir = state;
  return load(std::move(text).value(), document_in(state), here);
}

int report(const error& e) {
  // Problems of a document are lines of their own, which editors can jump to.
  if (e.code == errc::config) {
    std::cerr << e.context << '\n';
    return exit_bad_config;
  }
  std::cerr << "freshet: " << e.text() << '\n';
  return e.code == errc::unavailable || e.code == errc::timeout ? exit_unreachable : exit_failed;
}

}  // namespace freshet::cli

// freshet devices [--json]: the fleet, one device a line.
#include <chrono>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/device_table.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/stats_client.hpp"

namespace freshet::cli {
namespace {

struct devices_options {
  topology_options daemon;
  device_choice choice;
  bool as_json = false;
};

int devices(const devices_options& options) {
  const auto topology = load_running_topology(options.daemon);
  if (!topology) return report(topology.err());
  auto client = stats_client::open(topology->graph);
  if (!client) return report(client.err());
  const auto document = client->fetch(std::chrono::seconds(3));
  if (!document) return report(document.err());
  const auto fleet = read_progress(*document, topology->graph);
  if (!fleet) return report(fleet.err());
  if (options.as_json) {
    std::cout << devices_json(*fleet, options.choice).dump(2) << '\n';
    return exit_ok;
  }
  for (const std::string& line : device_lines(*fleet, options.choice)) std::cout << line << '\n';
  return exit_ok;
}

}  // namespace

void add_devices(CLI::App& app, action& chosen) {
  auto options = std::make_shared<devices_options>();
  CLI::App* command = app.add_subcommand("devices", "The devices of a running daemon, one a line");
  options->daemon.add_daemon_to(*command);
  command->add_flag("--silent", options->choice.silent_only, "Only those that have not reported for a while");
  command->add_flag("--behind", options->choice.behind_only, "Only those that are not on the version that they should have");
  command->add_option("--sort", options->choice.sort, "By number (the default), name, version, accuracy or rate; the worst first")
      ->option_text("COLUMN")
      ->check(sort_problem);
  command->add_flag("--json", options->as_json, "As JSON, for programs");
  command->callback([options, &chosen] { chosen = [options] { return devices(*options); }; });
}

}  // namespace freshet::cli

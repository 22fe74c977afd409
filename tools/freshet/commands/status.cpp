// freshet status [--json]: one look at a running daemon.
#include <chrono>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/progress_view.hpp"
#include "tools/freshet/stats_client.hpp"

namespace freshet::cli {

void add_status(CLI::App& app, action& chosen) {
  CLI::App* command = app.add_subcommand("status", "How a running daemon and its fleet are doing");
  auto options = std::make_shared<topology_options>();
  auto as_json = std::make_shared<bool>(false);
  options->add_file_to(*command);
  options->add_state_to(*command);
  command->add_flag("--json", *as_json, "The whole stats document as JSON");
  command->callback([options, as_json, &chosen] {
    chosen = [options, as_json]() -> int {
      const auto topology = load_running_topology(*options);
      if (!topology) return report(topology.err());
      auto client = stats_client::open(topology->graph);
      if (!client) return report(client.err());
      const auto document = client->fetch(std::chrono::seconds(3));
      if (!document) return report(document.err());
      if (*as_json) {
        std::cout << *document << '\n';
        return exit_ok;
      }
      const auto progress = read_progress(*document, topology->graph);
      if (!progress) return report(progress.err());
      progress_view view;
      view.update(*progress);
      constexpr std::size_t wide = 200;
      for (const std::string& line : view.table(wide, progress->devices.size())) std::cout << line << '\n';
      return exit_ok;
    };
  });
}

}  // namespace freshet::cli

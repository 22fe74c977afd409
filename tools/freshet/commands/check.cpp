// freshet check FILE: whether a configuration is right, and all that is wrong with it.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "topology/graph/links.hpp"

namespace freshet::cli {

void add_check(CLI::App& app, action& chosen) {
  CLI::App* command = app.add_subcommand("check", "Check a configuration without starting anything");
  command->footer("Prints every problem as FILE:LINE:COLUMN: SETTING: what is wrong and what would be right.\n"
                  "The folders of its models are looked into by `freshet models check`.");
  auto options = std::make_shared<topology_options>();
  command->add_option("FILE", options->file, "The TOML file")->required();
  options->add_state_to(*command);
  command->callback([options, &chosen] {
    chosen = [options]() -> int {
      const auto topology = load_topology(*options);
      if (!topology) return report(topology.err());
      const topology::graph& g = topology->graph;
      std::cout << options->file << " is right: " << g.nodes.size() << (g.nodes.size() == 1 ? " node, " : " nodes, ")
                << g.roles.size() << " roles, " << topology::links_of(g).size() << " links\n";
      return exit_ok;
    };
  });
}

}  // namespace freshet::cli

// freshet config example|show: every setting with its default, or what a file amounts to.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "config/document.hpp"
#include "config/print.hpp"
#include "config/problem.hpp"
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/exit_codes.hpp"

namespace freshet::cli {

void add_config(CLI::App& app, action& chosen) {
  CLI::App* command = app.add_subcommand("config", "Show settings");
  command->require_subcommand(1);

  CLI::App* example = command->add_subcommand("example", "Every setting with its meaning, bounds and default, as TOML");
  example->callback([&chosen] {
    chosen = []() -> int {
      std::cout << config::annotated_example();
      return exit_ok;
    };
  });

  CLI::App* show = command->add_subcommand("show", "What a configuration amounts to once all defaults are in, as TOML");
  auto options = std::make_shared<topology_options>();
  options->add_file_to(*show);
  options->add_state_to(*show);
  options->add_devices_to(*show);
  show->callback([options, &chosen] {
    chosen = [options]() -> int {
      const auto topology = load_topology(*options);
      if (!topology) return report(topology.err());
      config::problems none(topology->graph.file);
      auto document = config::read_document(topology->text, none);
      FRESHET_ENSURE(document && none.empty(), "a document was right and is no more");
      document->general.state_dir = topology->graph.state_dir;
      std::cout << config::effective_text(*document);
      return exit_ok;
    };
  });
}

}  // namespace freshet::cli

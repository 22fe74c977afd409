// freshet pretrain: trains a teacher and a student on the built-in scenes or on a data folder.
#include "tools/pretrain/pretrain.hpp"

#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/computing.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/pretrain/pretrain_options.hpp"

namespace freshet::cli {

void add_pretrain(CLI::App& app, action& chosen) {
  CLI::App* command = app.add_subcommand(pretrain_command.name, pretrain_command.about);
  auto request = std::make_shared<tools::pretrain_request>();
  tools::add_pretrain_options(*command, *request);
  command->callback([request, &chosen] {
    chosen = [request] {
      const auto done = tools::run_pretrain(*request);
      if (done.ok()) return static_cast<int>(exit_ok);
      std::cerr << "freshet pretrain: " << done.err().text() << '\n';
      return static_cast<int>(exit_failed);
    };
  });
}

}  // namespace freshet::cli

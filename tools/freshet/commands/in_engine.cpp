// What freshet has of the commands that compute: their names, and the way to the program that runs them.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include <CLI/CLI.hpp>

#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/computing.hpp"
#include "tools/freshet/commands/run_options.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/numeric_libraries.hpp"
#include "tools/freshet/paths.hpp"

namespace freshet::cli {
namespace {

/// Whatever follows the name, help too, is for the engine to read.
void add(CLI::App& app, action& chosen, const computing_command& which) {
  CLI::App* command = app.add_subcommand(which.name, which.about);
  command->set_help_flag();
  command->prefix_command();
  command->callback([&chosen] { chosen = become_engine; });
}

char** engine_arguments = nullptr;

}  // namespace

void set_engine_arguments(char** argv) { engine_arguments = argv; }

int become_engine() {
  const auto engine = program_beside("freshet-engine");
  if (!engine) {
    std::cerr << "freshet: " << engine.err().text() << '\n';
    return exit_failed;
  }
  set_numeric_environment();
  ::execv(engine->c_str(), engine_arguments);
  std::cerr << "freshet: " << *engine << ": " << std::strerror(errno)
            << "; this command computes, and the program for that belongs beside freshet\n";
  return exit_failed;
}

int run_alone(const run_options&) { return become_engine(); }

void add_models(CLI::App& app, action& chosen) { add(app, chosen, models_command); }
void add_pretrain(CLI::App& app, action& chosen) { add(app, chosen, pretrain_command); }
void add_bench(CLI::App& app, action& chosen) { add(app, chosen, bench_command); }

}  // namespace freshet::cli

// The program of Freshet: daemon, console and tools, by command. Those that compute are run by freshet-engine
// (commands/computing.hpp).
#include <signal.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "config/suggest.hpp"
#include "tools/freshet/commands/command_line.hpp"
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/computing.hpp"
#include "tools/freshet/exit_codes.hpp"

namespace {

constexpr const char* description =
    "Freshet keeps small vision-language models on many devices fresh with the help of a large one:\n"
    "hard samples flow up, labels are distilled, compressed updates flow down, nothing ever stops.";

constexpr const char* lessons =
    "To begin with:\n"
    "  freshet run --for 60s             the built-in world: one cloud node, four devices; accuracy falls when\n"
    "                                    the world changes, and comes back by itself\n"
    "  freshet config example > my.toml  every setting with its meaning; keep what you change\n"
    "  freshet check my.toml             all that is wrong with it, by line and column\n"
    "  freshet run -c my.toml            your own nodes, models and data\n"
    "  freshet status --json             the figures of the running daemon, for scripts\n";

}  // namespace

int main(int argc, char** argv) {
  using namespace freshet::cli;
  // A reader that goes away is an error of a write, not the end of the process.
  ::signal(SIGPIPE, SIG_IGN);
  set_engine_arguments(argv);

  CLI::App app(description, "freshet");
  app.footer(std::string(lessons) + "\n" + exit_code_help + "\n`freshet COMMAND --help` says more about each.");
  app.set_version_flag("--version", "freshet " FRESHET_VERSION);
  app.require_subcommand(1);
  action chosen;
  add_run(app, chosen);
  add_status(app, chosen);
  add_devices(app, chosen);
  add_top(app, chosen);
  add_check(app, chosen);
  add_change(app, chosen);
  add_pause(app, chosen);
  add_rollout(app, chosen);
  add_config(app, chosen);
  add_keys(app, chosen);
  add_models(app, chosen);
  add_pretrain(app, chosen);
  add_bench(app, chosen);

  // The library would only say that a command is missing.
  if (argc > 1 && argv[1][0] != '-') {
    std::vector<std::string> known;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) known.push_back(command->get_name());
    if (std::find(known.begin(), known.end(), argv[1]) == known.end()) {
      std::cerr << "freshet: no command " << argv[1] << freshet::config::advice(argv[1], known) << '\n';
      return exit_usage;
    }
  }
  return run_chosen(app, chosen, argc, argv);
}

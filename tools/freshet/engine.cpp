// What freshet becomes for the commands that compute (commands/computing.hpp). People call freshet.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "tools/freshet/commands/command_line.hpp"
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/numeric_libraries.hpp"

int main(int argc, char** argv) {
  using namespace freshet::cli;
  // Without /proc the program goes on all the same, only slower.
  if (set_numeric_environment()) ::execv("/proc/self/exe", argv);
  // A reader that goes away is an error of a write, not the end of the process.
  ::signal(SIGPIPE, SIG_IGN);

  CLI::App app("Runs the commands of freshet that compute; call freshet.", "freshet");
  app.require_subcommand(1);
  action chosen;
  add_run(app, chosen);
  add_models(app, chosen);
  add_pretrain(app, chosen);
  add_bench(app, chosen);
  return run_chosen(app, chosen, argc, argv);
}

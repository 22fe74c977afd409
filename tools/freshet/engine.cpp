// What freshet becomes for the commands that compute (commands/computing.hpp). People call freshet.
#include <signal.h>
#include <unistd.h>

#include <iostream>

#include <CLI/CLI.hpp>

#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/numeric_libraries.hpp"
#include "tools/freshet/service/freed_memory.hpp"

int main(int argc, char** argv) {
  using namespace freshet::cli;
  // Without /proc the program goes on all the same, only slower.
  if (set_numeric_environment()) ::execv("/proc/self/exe", argv);
  keep_freed_memory();
  // A reader that goes away is an error of a write, not the end of the process.
  ::signal(SIGPIPE, SIG_IGN);

  CLI::App app("Runs the commands of freshet that compute; call freshet.", "freshet");
  app.require_subcommand(1);
  action chosen;
  add_run(app, chosen);
  add_models(app, chosen);
  add_pretrain(app, chosen);
  add_bench(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? exit_ok : exit_usage;
  }
  const int status = chosen();
  std::cout.flush();
  return std::cout ? status : static_cast<int>(exit_failed);
}

#include "tools/freshet/commands/command_line.hpp"

#include <iostream>

#include <CLI/CLI.hpp>

#include "tools/freshet/exit_codes.hpp"

namespace freshet::cli {

int run_chosen(CLI::App& app, const action& chosen, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? exit_ok : exit_usage;
  }
  const int status = chosen();
  std::cout.flush();
  return std::cout ? status : static_cast<int>(exit_failed);
}

}  // namespace freshet::cli

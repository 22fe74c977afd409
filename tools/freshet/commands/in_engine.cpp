// What freshet has of the commands that compute: their names, and the way to the program that runs them.
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/computing.hpp"
#include "tools/freshet/commands/run_options.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/numeric_libraries.hpp"

namespace freshet::cli {
namespace {

/// Whatever follows the name, help too, is for the engine to read.
void add(CLI::App& app, action& chosen, const computing_command& which) {
  CLI::App* command = app.add_subcommand(which.name, which.about);
  command->set_help_flag();
  command->prefix_command();
  command->callback([&chosen] { chosen = become_engine; });
}

std::vector<std::string> own_arguments() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> out;
  for (std::string word; std::getline(in, word, '\0');) out.push_back(word);
  return out;
}

}  // namespace

int become_engine() {
  std::error_code code;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", code);
  if (code) {
    std::cerr << "freshet: /proc/self/exe: " << code.message() << "; /proc must be mounted\n";
    return exit_failed;
  }
  const std::string engine = (self.parent_path() / "freshet-engine").string();
  std::vector<std::string> arguments = own_arguments();
  std::vector<char*> pointers;
  for (std::string& a : arguments) pointers.push_back(a.data());
  pointers.push_back(nullptr);
  set_numeric_environment();
  ::execv(engine.c_str(), pointers.data());
  std::cerr << "freshet: " << engine << ": " << std::strerror(errno)
            << "; this command computes, and the program for that belongs beside freshet\n";
  return exit_failed;
}

int run_alone(const run_options&) { return become_engine(); }

void add_models(CLI::App& app, action& chosen) { add(app, chosen, models_command); }
void add_pretrain(CLI::App& app, action& chosen) { add(app, chosen, pretrain_command); }
void add_bench(CLI::App& app, action& chosen) { add(app, chosen, bench_command); }

}  // namespace freshet::cli

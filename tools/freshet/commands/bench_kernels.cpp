// freshet bench kernels: how fast are the parts, next to a plain loop over the same data?
#include <ATen/Parallel.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "tools/freshet/bench/kernels_bench.hpp"
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/failure.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/paths.hpp"

namespace freshet::cli {
namespace {

struct kernels_command {
  std::string json_file;
  std::string models;
};

result<std::vector<comparison>> measure(const kernels_command& command) {
  const bool tty = ::isatty(STDERR_FILENO) == 1;
  const auto progress = [tty](const std::string& text) {
    std::cerr << (tty ? "\r\033[K" : "") << text << (tty ? "" : "\n") << std::flush;
  };
  std::string models = command.models;
  if (models.empty()) {
    FRESHET_TRY_ASSIGN(models, find_models());
  }
  // Figures are a core's.
  at::set_num_threads(1);
  std::vector<comparison> lines = bench_scores(progress);
  FRESHET_TRY_ASSIGN(const std::vector<comparison> codecs, bench_delta(progress));
  lines.insert(lines.end(), codecs.begin(), codecs.end());
  FRESHET_TRY_ASSIGN(const std::vector<comparison> training, bench_distillation(models + "/student", progress));
  lines.insert(lines.end(), training.begin(), training.end());
  if (tty) std::cerr << "\r\033[K" << std::flush;
  return lines;
}

int run_kernels(const kernels_command& command) {
  const auto lines = measure(command);
  if (!lines.ok()) return failed("bench kernels", lines.err());
  std::cout << comparison_table("One core; medians of turns A B A B; ratio = ours / reference, turn by turn", *lines);
  if (!command.json_file.empty()) {
    const auto written = write_file(command.json_file, comparison_json("kernels", *lines).dump(2) + "\n");
    if (!written.ok()) return failed("bench kernels", written.err());
  }
  return exit_ok;
}

}  // namespace

void add_bench_kernels(CLI::App& bench, action& chosen) {
  auto command = std::make_shared<kernels_command>();
  CLI::App* app = bench.add_subcommand("kernels", "Scores, update codecs and distillation against plain loops");
  app->add_option("--models", command->models, "Folder with student/; the shipped one when not given");
  app->add_option("--json", command->json_file, "Write the figures there");
  app->callback([command, &chosen] { chosen = [command] { return run_kernels(*command); }; });
}

}  // namespace freshet::cli

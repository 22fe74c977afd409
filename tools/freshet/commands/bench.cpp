// freshet bench: the proof and the measurements.
#include <CLI/CLI.hpp>

#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/computing.hpp"

namespace freshet::cli {

void add_bench(CLI::App& app, action& chosen) {
  CLI::App* bench = app.add_subcommand(bench_command.name, bench_command.about);
  bench->require_subcommand(1);
  add_bench_adapt(*bench, chosen);
  add_bench_kernels(*bench, chosen);
  add_bench_model(*bench, chosen);
  add_bench_wire(*bench, chosen);
}

}  // namespace freshet::cli

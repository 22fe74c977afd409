// freshet bench model: what do 8 and 4 bits bring, next to the memory's speed and to LibTorch in fp32?
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>

#include "tools/freshet/bench/model_bench.hpp"
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/failure.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/paths.hpp"

namespace freshet::cli {
namespace {

struct model_command {
  std::string json_file;
  int most_threads = 0;
  bool products_only = false;
};

result<std::vector<comparison>> measure(const model_command& command) {
  const bool tty = ::isatty(STDERR_FILENO) == 1;
  const auto progress = [tty](const std::string& text) {
    std::cerr << (tty ? "\r\033[K" : "") << text << (tty ? "" : "\n") << std::flush;
  };
  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const int most = command.most_threads > 0 ? command.most_threads : std::min(2, cores);
  const auto shapes = bench_shapes();
  std::vector<comparison> lines;
  if (!command.products_only) {
    // First: children are forked while this process has one thread.
    for (const int bits : {8, 4}) {
      progress("memory: " + shapes.front().name + ", " + std::to_string(bits) + " bit");
      FRESHET_TRY_ASSIGN(const auto memory, bench_memory(shapes.front(), bits));
      lines.insert(lines.end(), memory.begin(), memory.end());
    }
  }
  for (int threads = 1; threads <= most; ++threads) {
    for (const decoder_shape& shape : shapes) {
      for (const int bits : {8, 4}) {
        const auto vectors = bench_vectors(shape, bits, threads, progress);
        lines.insert(lines.end(), vectors.begin(), vectors.end());
        for (const std::int64_t rows : {16, 128}) {
          progress(shape.name + ": " + std::to_string(rows) + " rows");
          lines.push_back(bench_prefill(shape, bits, rows, threads));
        }
      }
    }
    if (command.products_only) continue;
    const auto decoded = bench_decode(shapes.front(), threads, progress);
    lines.insert(lines.end(), decoded.begin(), decoded.end());
  }
  if (tty) std::cerr << "\r\033[K" << std::flush;
  return lines;
}

int run_model(const model_command& command) {
  const auto lines = measure(command);
  if (!lines.ok()) return failed("bench model", lines.err());
  std::cout << comparison_table("Random weights at real shapes; medians of turns A B A B; ratio = ours / reference, turn by turn",
                                *lines);
  if (!command.json_file.empty()) {
    const auto written = write_file(command.json_file, comparison_json("model", *lines).dump(2) + "\n");
    if (!written.ok()) return failed("bench model", written.err());
  }
  return exit_ok;
}

}  // namespace

void add_bench_model(CLI::App& bench, action& chosen) {
  auto command = std::make_shared<model_command>();
  CLI::App* app = bench.add_subcommand("model", "Decoders in 8 and 4 bits against the memory's speed and LibTorch in fp32 (4 GB)");
  app->add_option("--json", command->json_file, "Write the figures there");
  app->add_option("--threads", command->most_threads, "Measured with 1 up to so many threads; 2 when not given")
      ->check(CLI::Range(1, 256));
  app->add_flag("--products-only", command->products_only, "Leave out whole models and memory");
  app->callback([command, &chosen] { chosen = [command] { return run_model(*command); }; });
}

}  // namespace freshet::cli

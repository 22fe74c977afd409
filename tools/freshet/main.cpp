// The one program of Freshet: daemon, console and tools, by command.
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "config/suggest.hpp"
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/service/freed_memory.hpp"

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

namespace {

/// OpenBLAS runs processors that are newer than itself with its oldest code, without AVX: products took several times as
/// long. Then this is the newest code that it has and the processor runs; nothing where it chose by itself.
const char* better_blas_core() {
#if defined(__x86_64__)
  using name_function = char* (*)();
  const auto chosen = reinterpret_cast<name_function>(::dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  if (chosen == nullptr || std::string_view(chosen()) != "Prescott") return nullptr;
  __builtin_cpu_init();
  const bool wide = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                    __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  if (wide) return "SkylakeX";
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) return "Haswell";
#endif
  return nullptr;
}

/// The BLAS and OpenMP libraries of tensors make a team of threads for each thread that calls them,
/// and teams that share cores wait for each other: steps took fifty times as long here. They read
/// their settings when they are loaded, so the program starts itself once more with them set. Only for commands that
/// compute: it takes as long as all that the others do.
void set_up_numeric_libraries(char** argv) {
  const char* core = ::getenv("OPENBLAS_CORETYPE") == nullptr ? better_blas_core() : nullptr;
  if (core == nullptr && ::getenv("OMP_NUM_THREADS") != nullptr && ::getenv("OPENBLAS_NUM_THREADS") != nullptr) return;
  ::setenv("OMP_NUM_THREADS", "1", 0);
  ::setenv("OPENBLAS_NUM_THREADS", "1", 0);
  if (core != nullptr) ::setenv("OPENBLAS_CORETYPE", core, 0);
  ::execv("/proc/self/exe", argv);
  // Without /proc the program runs all the same, only slower.
}

}  // namespace

int main(int argc, char** argv) {
  using namespace freshet::cli;
  keep_freed_memory();
  // A reader that goes away is an error of a write, not the end of the process.
  ::signal(SIGPIPE, SIG_IGN);

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
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? exit_ok : exit_usage;
  }
  const std::vector<std::string> computing{"run", "models", "pretrain", "bench"};
  if (std::find(computing.begin(), computing.end(), argv[1]) != computing.end()) set_up_numeric_libraries(argv);
  const int status = chosen();
  std::cout.flush();
  return std::cout ? status : static_cast<int>(exit_failed);
}

// freshet bench wire: how fast are the links, next to bare ZeroMQ with the same frames?
#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "actors/port/zmq_transport.hpp"
#include "actors/rt/system.hpp"
#include "tools/freshet/bench/wire_bench.hpp"
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/failure.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/paths.hpp"

namespace freshet::cli {
namespace {

struct wire_command {
  wire_plan plan;
  std::string json_file;
};

int run_wire(const wire_command& command) {
  const bool tty = ::isatty(STDERR_FILENO) == 1;
  const auto progress = [tty](const std::string& text) {
    std::cerr << (tty ? "\r\033[K" : "") << text << (tty ? "" : "\n") << std::flush;
  };
  rt::system_options options;
  options.log = std::make_shared<spdlog::logger>("bench", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  options.log->set_level(spdlog::level::warn);
  rt::system engine(options);
  port::zmq_transport links;
  const auto lines = bench_wire(engine, links, command.plan, progress);
  if (tty) std::cerr << "\r\033[K" << std::flush;
  if (!lines.ok()) return failed("bench wire", lines.err());
  std::cout << comparison_table("Role to role on two nodes of this process; medians of turns A B A B; ratio = ours / reference",
                                *lines);
  if (!command.json_file.empty()) {
    const auto written = write_file(command.json_file, comparison_json("wire", *lines).dump(2) + "\n");
    if (!written.ok()) return failed("bench wire", written.err());
  }
  return exit_ok;
}

}  // namespace

void add_bench_wire(CLI::App& bench, action& chosen) {
  auto command = std::make_shared<wire_command>();
  CLI::App* app = bench.add_subcommand("wire", "Messages a second and latency of links against bare ZeroMQ");
  app->add_option("--transports", command->plan.transports, "Which of tcp (loopback), ipc and inproc")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::IsMember({"tcp", "ipc", "inproc"}));
  app->add_option("--kib", command->plan.payloads_kib, "Payloads of a message, KiB")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app->add_option("--rounds", command->plan.rounds, "Turns of ours and theirs; medians are told")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app->add_option("--json", command->json_file, "Write the figures there");
  app->callback([command, &chosen] { chosen = [command] { return run_wire(*command); }; });
}

}  // namespace freshet::cli

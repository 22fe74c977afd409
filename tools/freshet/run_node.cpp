#include "tools/freshet/run_node.hpp"

#include <ATen/Parallel.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>

#include "actors/assembly/assembly.hpp"
#include "actors/port/zmq_transport.hpp"
#include "actors/rt/node.hpp"
#include "actors/rt/system.hpp"
#include "tools/freshet/enrolment_desk.hpp"
#include "tools/freshet/paths.hpp"

namespace freshet::cli {
namespace {

std::shared_ptr<spdlog::logger> make_log(const config::logging_settings& settings, const std::string& node) {
  auto log = std::make_shared<spdlog::logger>(node, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  log->set_level(spdlog::level::from_str(settings.level == "warning" ? "warn" : settings.level));
  if (settings.format == "json") {
    log->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","node":"%n","text":"%v"})");
  } else {
    log->set_pattern("%Y-%m-%d %H:%M:%S.%e %-5l %n: %v");
  }
  log->flush_on(spdlog::level::info);
  return log;
}

}  // namespace

exit_code run_node(const topology::graph& graph, const std::string& node, const stop_token& stop) {
  const topology::node_spec* spec = graph.find_node(node);
  if (spec == nullptr) {
    std::cerr << "freshet: no node " << node << " in " << graph.file << '\n';
    return exit_usage;
  }
  // Heavy roles have threads of their own; more threads inside a tensor operation would fight them.
  at::set_num_threads(static_cast<int>(spec->threads));
  at::set_num_interop_threads(1);
  if (const auto made = make_folder(graph.state_dir + "/" + node); !made) {
    std::cerr << "freshet: state_dir: " << made.err().text() << '\n';
    return exit_failed;
  }
  const auto log = make_log(graph.logging, node);
  actors::assembly_options assembling;
  assembling.log = log;
  actors::assembly parts(graph, assembling);
  auto options = parts.node(node);
  if (!options.ok()) {
    std::cerr << "freshet: " << options.err().text() << '\n';
    return exit_bad_config;
  }
  rt::system_options engine_options;
  engine_options.log = log;
  rt::system engine(engine_options);
  port::zmq_transport links;
  options->log = engine_options.log;
  std::atomic<bool> given_up{false};
  options->on_give_up = [&](const std::string& role, const std::string& why) {
    engine_options.log->critical("role {} is given up: {}", role, why);
    given_up.store(true);
  };
  auto running = rt::node::start(engine, links, std::move(options).value());
  if (!running.ok()) {
    std::cerr << "freshet: node " << node << ": " << running.err().text() << '\n';
    return exit_failed;
  }
  std::unique_ptr<port::enrolment_server> desk;
  if (!spec->enrol.empty()) {
    auto opened = open_desk(graph, *spec, links.shared_context(), log);
    if (!opened.ok()) {
      std::cerr << "freshet: node " << node << ": " << opened.err().text() << '\n';
      return exit_failed;
    }
    desk = std::move(opened).value();
  }
  engine_options.log->info("node {} runs", node);
  while (!stop.wait_for(std::chrono::milliseconds(200)) && !given_up.load() && !running.value()->failed()) {
  }
  const bool broken = given_up.load() || running.value()->failed();
  const rt::stop_report report = running.value()->stop(spec->stop_within);
  for (const std::string& role : report.left) engine_options.log->warn("role {} did not end in time", role);
  if (broken) return exit_failed;
  return report.in_time ? exit_ok : exit_not_in_time;
}

}  // namespace freshet::cli

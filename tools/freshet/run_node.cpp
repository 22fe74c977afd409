#include "tools/freshet/run_node.hpp"

#include <ATen/Parallel.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include "actors/assembly/node_host.hpp"
#include "actors/port/zmq_transport.hpp"
#include "actors/rt/node.hpp"
#include "actors/rt/system.hpp"
#include "tools/freshet/node_list.hpp"
#include "topology/graph/load.hpp"
#include "topology/graph/plan.hpp"

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

/// Makes CONTROL anew for each of its lives: what it knows is in the state folder.
rt::core_factory control_of(const topology::graph& graph, std::shared_ptr<spdlog::logger> log) {
  return [state = graph.state_dir, self = topology::address{topology::control_node(graph), actors::control_role},
          log]() -> std::unique_ptr<actors::role_core> {
    actors::control_options options;
    options.self = self;
    options.load = [state](const std::string& text, const std::string& file, const std::string& base_dir) {
      topology::load_options load;
      load.file = file;
      load.base_dir = base_dir;
      load.state_dir = state;
      return topology::load_graph(text, load);
    };
    options.publish = [state, log](const std::vector<actors::wanted_node>& nodes) {
      if (const auto written = write_node_list(state, nodes); !written.ok())
        log->error("the list of nodes: {}", written.err().text());
    };
    options.wall_clock = unix_ms_now;
    auto store = actors::revision_store::open(revisions_in(state));
    if (!store.ok()) throw std::runtime_error(store.err().text());
    auto made = actors::make_control(std::move(options), std::move(store).value());
    if (!made.ok()) throw std::runtime_error(made.err().text());
    return std::move(made).value();
  };
}

}  // namespace

exit_code run_node(const topology::graph& graph, const std::string& node, const node_start& start,
                   const stop_token& stop) {
  const topology::node_spec* spec = graph.find_node(node);
  if (spec == nullptr) {
    std::cerr << "freshet: no node " << node << " in " << graph.file << '\n';
    return exit_usage;
  }
  // Heavy roles have threads of their own; more threads inside a tensor operation would fight them.
  at::set_num_threads(static_cast<int>(spec->threads));
  at::set_num_interop_threads(1);
  std::error_code failed;
  std::filesystem::create_directories(graph.state_dir, failed);
  if (failed) {
    std::cerr << "freshet: state_dir " << graph.state_dir << ": " << failed.message() << '\n';
    return exit_failed;
  }
  rt::system_options engine_options;
  engine_options.log = make_log(graph.logging, node);
  rt::system engine(engine_options);
  port::zmq_transport links;
  actors::node_host_options options;
  options.node = node;
  options.revision = start.revision;
  options.await = start.await;
  options.log = engine_options.log;
  options.control = control_of(graph, engine_options.log);
  std::atomic<bool> given_up{false};
  options.on_give_up = [&](const std::string& role, const std::string& why) {
    engine_options.log->critical("role {} is given up: {}", role, why);
    given_up.store(true);
  };
  auto running = actors::node_host::start(engine, links, graph, std::move(options));
  if (!running.ok()) {
    std::cerr << "freshet: node " << node << ": " << running.err().text() << '\n';
    return running.err().code == errc::io ? exit_failed : exit_bad_config;
  }
  engine_options.log->info("node {} runs", node);
  // Orders of CONTROL are carried out here; a stop does not wait longer than one of them takes.
  while (!stop.stop_requested() && !given_up.load() && !running.value()->node().failed())
    running.value()->serve(std::chrono::milliseconds(100));
  const bool broken = given_up.load() || running.value()->node().failed();
  const rt::stop_report report = running.value()->stop(spec->stop_within);
  for (const std::string& role : report.left) engine_options.log->warn("role {} did not end in time", role);
  if (broken) return exit_failed;
  return report.in_time ? exit_ok : exit_not_in_time;
}

}  // namespace freshet::cli

#include "tools/freshet/run_node.hpp"

#include <ATen/Parallel.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <iostream>

#include "actors/assembly/assembly.hpp"
#include "actors/port/zmq_transport.hpp"
#include "actors/rt/node.hpp"
#include "actors/rt/system.hpp"
#include "tools/freshet/log.hpp"
#include "tools/freshet/service/drain.hpp"
#include "tools/freshet/service/node_service.hpp"

namespace freshet::cli {
exit_code run_node(const topology::graph& graph, const std::string& node, const node_run& how) {
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
  actors::assembly parts(graph, {});
  auto options = parts.node(node);
  if (!options.ok()) {
    std::cerr << "freshet: " << options.err().text() << '\n';
    return exit_bad_config;
  }
  rt::system_options engine_options;
  engine_options.log = make_log(graph.logging, node);
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
  const auto service = node_service::open(graph, node, how.launcher, how.read_again);
  if (!service.ok()) {
    std::cerr << "freshet: node " << node << ": " << service.err().text() << '\n';
    return exit_failed;
  }
  node_service& seen = *service.value();
  engine_options.log->info("node {} runs", node);
  if (!seen.front().address().empty()) engine_options.log->info("/livez, /readyz and /metrics are at {}", seen.front().address());
  while (!how.stop.wait_for(std::chrono::milliseconds(200)) && !given_up.load() && !running.value()->failed()) {
    if (how.reload_wanted()) seen.reload();
    seen.turn(*running.value());
  }
  const exit_code verdict = given_up.load() || running.value()->failed() ? exit_failed : exit_ok;
  seen.front().stopping();
  engine_options.log->info("node {} stops", node);
  return drain(*running.value(), spec->stop_within, *engine_options.log, verdict);
}

}  // namespace freshet::cli

#include "tools/freshet/run_node.hpp"

#include <ATen/Parallel.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "actors/assembly/node_host.hpp"
#include "actors/port/zmq_transport.hpp"
#include "actors/rt/node.hpp"
#include "actors/rt/system.hpp"
#include "tools/freshet/enrolment_desk.hpp"
#include "tools/freshet/log.hpp"
#include "tools/freshet/node_list.hpp"
#include "tools/freshet/paths.hpp"
#include "tools/freshet/provision.hpp"
#include "tools/freshet/service/drain.hpp"
#include "tools/freshet/service/node_service.hpp"
#include "topology/graph/load.hpp"
#include "topology/graph/plan.hpp"

namespace freshet::cli {
namespace {

/// Makes CONTROL anew for each of its lives: what it knows is in the state folder.
/// Under a launcher all nodes are of this host, and get their keys as at its start.
rt::core_factory control_of(const topology::graph& graph, bool launched, std::shared_ptr<spdlog::logger> log) {
  return [state = graph.state_dir, launched, log]() -> std::unique_ptr<actors::role_core> {
    actors::control_options options;
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
    if (launched) options.provide = [](const topology::graph& wanted) { return provision(wanted); };
    options.wall_clock = unix_ms_now;
    auto store = actors::revision_store::open(revisions_in(state));
    if (!store.ok()) throw std::runtime_error(store.err().text());
    auto made = actors::make_control(std::move(options), std::move(store).value());
    if (!made.ok()) throw std::runtime_error(made.err().text());
    return std::move(made).value();
  };
}

}  // namespace

exit_code run_node(const topology::graph& graph, const std::string& node, const node_run& how) {
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
  rt::system_options engine_options;
  engine_options.log = log;
  rt::system engine(engine_options);
  port::zmq_transport links;
  actors::node_host_options options;
  options.node = node;
  options.revision = how.revision;
  options.await = how.await;
  if (how.launcher.empty()) options.base_dir = working_dir();
  options.log = engine_options.log;
  options.control = control_of(graph, !how.launcher.empty(), engine_options.log);
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
  rt::node& alive = running.value()->node();
  auto service = node_service::open(graph, node, how.launcher, how.read_again);
  if (!service.ok()) {
    std::cerr << "freshet: node " << node << ": " << service.err().text() << '\n';
    return exit_failed;
  }
  node_service& seen = *service.value();
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
  if (!seen.front().address().empty()) engine_options.log->info("/livez, /readyz and /metrics are at {}", seen.front().address());
  while (!how.stop.wait_for(std::chrono::milliseconds(200)) && !given_up.load() && !alive.failed()) {
    if (how.reload_wanted()) seen.reload();
    seen.turn(alive);
  }
  const exit_code verdict = given_up.load() || alive.failed() ? exit_failed : exit_ok;
  seen.front().stopping();
  engine_options.log->info("node {} stops", node);
  running.value()->halt();
  const exit_code how_it_ended = drain(alive, spec->stop_within, *engine_options.log, verdict);
  if (running.value()->halt()) return how_it_ended;
  // Nothing of the node runs any more, and no destructor may wait for a load that takes its time.
  engine_options.log->warn("a model was still being loaded for a change; the process ends without it");
  engine_options.log->flush();
  service.value().reset();
  desk.reset();
  ::_exit(how_it_ended);
}

}  // namespace freshet::cli

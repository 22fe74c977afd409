// freshet run: the daemon. Without --node a launcher with a process for each node; with it, that node.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "config/quantity.hpp"
#include "config/suggest.hpp"
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/display.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/launcher.hpp"
#include "tools/freshet/paths.hpp"
#include "tools/freshet/process_signals.hpp"
#include "tools/freshet/provision.hpp"
#include "tools/freshet/run_node.hpp"
#include "tools/freshet/stats_client.hpp"
#include "tools/freshet/stop_token.hpp"
#include "topology/graph/endpoint.hpp"

namespace freshet::cli {
namespace {

using std::chrono::milliseconds;

struct run_options {
  topology_options topology;
  std::string run_for;
  std::string node;
  std::string log = "files";

  [[nodiscard]] std::optional<milliseconds> duration() const { return config::parse_duration(run_for); }
};

std::string duration_problem(const std::string& text) {
  if (config::parse_duration(text)) return "";
  return "\"" + text + "\" is not a duration such as 500ms, 60s, 5m or 1h";
}

int run_one(const run_options& options, const topology::graph& graph) {
  if (graph.find_node(options.node) == nullptr) {
    std::vector<std::string> names;
    for (const auto& node : graph.nodes) names.push_back(node.name);
    std::cerr << "freshet: --node " << options.node << ": no such node in " << graph.file
              << config::advice(options.node, names) << '\n';
    return exit_usage;
  }
  std::optional<stop_token::clock::time_point> deadline;
  if (const auto d = options.duration()) deadline = stop_token::clock::now() + *d;
  const stop_source source(deadline);
  const process_signals signals([&source] { source.request_stop(); });
  return run_node(graph, options.node, source.token());
}

/// A process cannot reach into another: found before anything starts.
std::optional<error> unreachable_endpoint(const topology::graph& graph) {
  if (graph.nodes.size() < 2) return std::nullopt;
  for (const auto& node : graph.nodes)
    for (const std::string& text : node.listen)
      if (const auto e = topology::parse_endpoint(text); e && e->kind == topology::endpoint_kind::inproc)
        return error{errc::invalid_argument, "node " + node.name + " listens at " + text +
                                                 ", which other processes cannot reach; use ipc://PATH"};
  return std::nullopt;
}

/// Looks at the daemon's figures once in a while and shows them.
class watcher {
 public:
  watcher(const topology::graph& graph, stats_client client, display& screen)
      : graph_(graph), client_(std::move(client)), screen_(screen) {}

  void look() {
    const auto document = client_.fetch(milliseconds(300));
    auto progress = document ? read_progress(*document, graph_) : result<fleet_progress>(document.err());
    if (progress) {
      // STATS counts from its own start, and may have been started again.
      const auto age = std::chrono::steady_clock::now() - begun_;
      progress->uptime_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(age).count());
      view_.update(*progress);
      failures_ = 0;
    } else if (++failures_ == patience) {
      // While nodes start, silence is to be expected; so it is told once, and late.
      screen_.event("no figures: " + progress.err().text());
    }
    screen_.show(view_);
  }

 private:
  static constexpr int patience = 20;
  const topology::graph& graph_;
  stats_client client_;
  display& screen_;
  progress_view view_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  int failures_ = 0;
};

int run_all(const run_options& options, const chosen_topology& topology) {
  const topology::graph& graph = topology.graph;
  if (const auto wrong = unreachable_endpoint(graph)) return report(*wrong);
  if (const auto made = make_folder(graph.state_dir); !made) return report(made.err());
  if (const auto made = provision(graph); !made) return report(made.err());
  const auto lock = state_lock::take(graph.state_dir);
  if (!lock) return report(lock.err());
  // Nodes read a copy: a process that is started again finds what the first one found, and `status` finds it.
  const std::string document = document_in(graph.state_dir);
  if (const auto written = write_file(document, topology.text); !written) return report(written.err());

  launch_options launch;
  launch.run_for = options.duration();
  for (const auto& node : graph.nodes) {
    node_command command;
    command.node = node.name;
    command.arguments = {"/proc/self/exe", "run", "--node", node.name, "--config", document, "--state", graph.state_dir};
    if (options.log == "files") {
      const std::string folder = graph.state_dir + "/" + node.name;
      if (const auto made = make_folder(folder); !made) return report(made.err());
      command.log_file = folder + "/log";
    }
    launch.nodes.push_back(std::move(command));
    // Each node enforces its own bound; the launcher's lies behind the last of them.
    launch.limits.stop_within = std::max(launch.limits.stop_within, node.stop_within + milliseconds(2000));
  }

  display screen(display::terminal(), std::chrono::seconds(5));
  screen.event("state, logs and sockets are in " + graph.state_dir);
  std::optional<watcher> watch;
  if (graph.stats()) {
    if (auto client = stats_client::open(graph); client.ok()) {
      watch.emplace(graph, std::move(client).value(), screen);
      launch.on_report = [&] { watch->look(); };
    } else {
      screen.event("no figures: " + client.err().text());
    }
  }
  launch.on_event = [&](const std::string& sentence) { screen.event(sentence); };
  process_signals signals;
  return freshet::cli::launch(launch, signals);
}

}  // namespace

void add_run(CLI::App& app, action& chosen) {
  CLI::App* command = app.add_subcommand("run", "Run the engine: a process for each node, until Ctrl-C");
  command->footer("Nodes that die are started again. A second Ctrl-C stops at once.");
  auto options = std::make_shared<run_options>();
  options->topology.add_file_to(*command);
  command->add_option("--for", options->run_for, "Stop in order after this time, such as 60s or 5m")
      ->option_text("DURATION")
      ->check(duration_problem);
  options->topology.add_state_to(*command);
  options->topology.add_devices_to(*command);
  command->add_option("--node", options->node, "Run this node alone, in this process")->option_text("NAME");
  command->add_option("--log", options->log, "Where the nodes' logs go: files (in the state folder) or stderr")
      ->option_text("files|stderr")
      ->check(CLI::IsMember({"files", "stderr"}));
  command->callback([options, &chosen] {
    chosen = [options]() -> int {
      make_files_private();
      const auto topology = load_topology(options->topology);
      if (!topology) return report(topology.err());
      return options->node.empty() ? run_all(*options, *topology) : run_one(*options, topology->graph);
    };
  });
}

}  // namespace freshet::cli

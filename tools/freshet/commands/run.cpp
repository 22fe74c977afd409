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
#include "tools/freshet/node_list.hpp"
#include "tools/freshet/paths.hpp"
#include "tools/freshet/process_signals.hpp"
#include "tools/freshet/run_node.hpp"
#include "tools/freshet/stats_client.hpp"
#include "tools/freshet/stop_token.hpp"
#include "topology/graph/endpoint.hpp"
#include "topology/graph/load.hpp"
#include "topology/graph/plan.hpp"

namespace freshet::cli {
namespace {

using std::chrono::milliseconds;

struct run_options {
  topology_options topology;
  std::string run_for;
  std::string node;
  std::string log = "files";
  node_start start;   ///< said by the launcher to its nodes

  [[nodiscard]] std::optional<milliseconds> duration() const { return config::parse_duration(run_for); }
};

result<topology::graph> graph_of(const actors::revision& r, const std::string& state_dir) {
  topology::load_options load;
  load.file = r.file;
  load.base_dir = r.base_dir;
  load.state_dir = state_dir;
  return topology::load_graph(r.text, load);
}

std::string duration_problem(const std::string& text) {
  if (config::parse_duration(text)) return "";
  return "\"" + text + "\" is not a duration such as 500ms, 60s, 5m or 1h";
}

int run_one(const run_options& options, chosen_topology topology) {
  topology::graph graph = std::move(topology.graph);
  node_start start = options.start;
  // Alone on its host, the node that decides on changes keeps their history itself.
  if (start.revision == 0 && options.node == topology::control_node(graph)) {
    if (const auto made = make_folder(graph.state_dir); !made) return report(made.err());
    const auto current = begin_revision(graph.state_dir, topology.text, graph.file, working_dir());
    if (!current) return report(current.err());
    auto now = graph_of(*current, graph.state_dir);
    if (!now) return report(now.err());
    start.revision = current->number;
    graph = std::move(now).value();
  }
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
  return run_node(graph, options.node, start, source.token());
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
  watcher(topology::graph graph, stats_client client, display& screen)
      : graph_(std::move(graph)), client_(std::move(client)), screen_(screen) {}

  /// What runs has changed.
  void follow(topology::graph graph) { graph_ = std::move(graph); }

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
  topology::graph graph_;
  stats_client client_;
  display& screen_;
  progress_view view_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  int failures_ = 0;
};

/// The processes that CONTROL wants on this host.
result<std::vector<node_command>> commands_of(const std::string& state_dir, const std::string& log) {
  FRESHET_TRY_ASSIGN(const auto listed, read_node_list(state_dir));
  std::vector<node_command> out;
  for (const listed_node& node : listed) {
    node_command command;
    command.node = node.name;
    command.arguments = {"/proc/self/exe", "run",         "--node",      node.name,     "--config",
                         node.document,    "--state",     state_dir,     "--base-dir",  node.base_dir,
                         "--revision",     std::to_string(node.revision)};
    if (node.await) command.arguments.emplace_back("--await");
    if (log == "files") {
      const std::string folder = state_dir + "/" + node.name;
      FRESHET_TRY(make_folder(folder));
      command.log_file = folder + "/log";
    }
    out.push_back(std::move(command));
  }
  return out;
}

int run_all(const run_options& options, const chosen_topology& topology) {
  const std::string& state = topology.graph.state_dir;
  if (const auto made = make_folder(state); !made) return report(made.err());
  const auto lock = state_lock::take(state);
  if (!lock) return report(lock.err());
  const auto current = begin_revision(state, topology.text, topology.graph.file, working_dir());
  if (!current) return report(current.err());
  auto loaded = graph_of(*current, state);
  if (!loaded) return report(loaded.err());
  const topology::graph graph = std::move(loaded).value();
  if (const auto wrong = unreachable_endpoint(graph)) return report(*wrong);
  std::vector<actors::wanted_node> first;
  for (const auto& node : graph.nodes)
    first.push_back({node.name, current->number, current->text, current->file, current->base_dir, false});
  if (const auto written = write_node_list(state, first); !written) return report(written.err());

  display screen(display::terminal(), std::chrono::seconds(5));
  launch_options launch;
  launch.run_for = options.duration();
  launch.on_event = [&](const std::string& sentence) { screen.event(sentence); };
  auto commands = commands_of(state, options.log);
  if (!commands) return report(commands.err());
  launch.nodes = std::move(commands).value();
  // Each node enforces its own bound; the launcher's lies behind the last of them.
  for (const auto& node : graph.nodes)
    launch.limits.stop_within = std::max(launch.limits.stop_within, node.stop_within + milliseconds(2000));

  screen.event("state, logs and sockets are in " + state);
  if (current->text != topology.text)
    screen.event("goes on with revision " + std::to_string(current->number) + " that was applied while it ran; `freshet apply " +
                 topology.graph.file + "` goes back to the file");
  std::optional<watcher> watch;
  if (graph.stats()) {
    auto client = stats_client::open(graph);
    if (!client) return report(client.err());
    watch.emplace(graph, std::move(client).value(), screen);
    launch.on_report = [&] { watch->look(); };
  }
  launch.wanted = [&, stamp = node_list_stamp(state)]() mutable -> std::optional<std::vector<node_command>> {
    const std::string now = node_list_stamp(state);
    if (now == stamp) return std::nullopt;
    stamp = now;
    auto changed = commands_of(state, options.log);
    if (!changed) {
      screen.event("the list of nodes is left as it was: " + changed.err().text());
      return std::nullopt;
    }
    topology_options running;
    running.state_dir = state;
    if (auto runs = load_running_topology(running); runs && watch) watch->follow(std::move(runs).value().graph);
    return std::move(changed).value();
  };
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
  // Said by the launcher to the nodes that it starts.
  command->add_option("--revision", options->start.revision)->group("");
  command->add_flag("--await", options->start.await)->group("");
  command->add_option("--base-dir", options->topology.base_dir)->group("");
  command->callback([options, &chosen] {
    chosen = [options]() -> int {
      auto topology = load_topology(options->topology);
      if (!topology) return report(topology.err());
      return options->node.empty() ? run_all(*options, *topology) : run_one(*options, std::move(topology).value());
    };
  });
}

}  // namespace freshet::cli

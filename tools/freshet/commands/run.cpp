// freshet run: the daemon. Without --node a launcher with a process for each node; with it, that node.

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include "config/quantity.hpp"
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/reloader.hpp"
#include "tools/freshet/commands/run_options.hpp"
#include "tools/freshet/display.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/launcher.hpp"
#include "tools/freshet/log.hpp"
#include "tools/freshet/node_list.hpp"
#include "tools/freshet/paths.hpp"
#include "tools/freshet/process_signals.hpp"
#include "tools/freshet/provision.hpp"
#include "tools/freshet/service/launch_service.hpp"
#include "tools/freshet/stats_client.hpp"
#include "topology/graph/endpoint.hpp"
#include "topology/graph/load.hpp"

namespace freshet::cli {
namespace {

using std::chrono::milliseconds;

std::string duration_problem(const std::string& text) {
  if (config::parse_duration(text)) return "";
  return "\"" + text + "\" is not a duration such as 500ms, 60s, 5m or 1h";
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
  /// Nothing is drawn without a screen.
  watcher(topology::graph graph, stats_client client, display* screen, std::function<void(const std::string&)> tell)
      : graph_(std::move(graph)), client_(std::move(client)), screen_(screen), tell_(std::move(tell)) {}

  /// What runs has changed.
  void follow(topology::graph graph) { graph_ = std::move(graph); }

  /// The document that was found, or why none was.
  result<std::string> look() {
    auto document = client_.fetch(milliseconds(300));
    auto progress = document ? read_progress(*document, graph_) : result<fleet_progress>(document.err());
    if (progress) {
      // STATS counts from its own start, and may have been started again.
      const auto age = std::chrono::steady_clock::now() - begun_;
      progress->uptime_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(age).count());
      view_.update(*progress);
      failures_ = 0;
    } else if (++failures_ == patience) {
      // While nodes start, silence is to be expected; so it is told once, and late.
      tell_("no figures: " + progress.err().text());
    }
    if (screen_ != nullptr) screen_->show(view_);
    return document;
  }
  [[nodiscard]] std::string line() const { return view_.line(); }

 private:
  static constexpr int patience = 20;
  topology::graph graph_;
  stats_client client_;
  display* screen_;
  std::function<void(const std::string&)> tell_;
  progress_view view_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  int failures_ = 0;
};

/// The processes that CONTROL wants on this host. `common` is what all of them are told.
result<std::vector<node_command>> commands_of(const std::string& state_dir, const std::string& log,
                                              const std::vector<std::string>& common) {
  FRESHET_TRY_ASSIGN(const auto listed, read_node_list(state_dir));
  std::vector<node_command> out;
  for (const listed_node& node : listed) {
    node_command command;
    command.node = node.name;
    command.arguments = {"/proc/self/exe", "run",     "--node",     node.name,     "--config",   node.document,
                         "--state",        state_dir, "--base-dir", node.base_dir, "--revision", std::to_string(node.revision)};
    if (node.await) command.arguments.emplace_back("--await");
    command.trial = node.await;
    command.arguments.insert(command.arguments.end(), common.begin(), common.end());
    if (log == "files") {
      const std::string folder = state_dir + "/" + node.name;
      FRESHET_TRY(make_folder(folder));
      command.log_file = folder + "/log";
    }
    out.push_back(std::move(command));
  }
  return out;
}

int run_all(const run_options& options) {
  auto loaded_topology = load_topology(options.topology);
  if (!loaded_topology) return report(loaded_topology.err());
  chosen_topology& topology = *loaded_topology;
  options.change(topology.graph.logging);
  const std::string& state = topology.graph.state_dir;
  if (const auto made = make_folder(state); !made) return report(made.err());
  const auto lock = state_lock::take(state);
  if (!lock) return report(lock.err());
  const auto current = begin_revision(state, topology.text, topology.graph.file, working_dir());
  if (!current) return report(current.err());
  auto loaded = graph_of(*current, state);
  if (!loaded) return report(loaded.err());
  topology::graph graph = std::move(loaded).value();
  options.change(graph.logging);
  if (const auto wrong = unreachable_endpoint(graph)) return report(*wrong);
  if (const auto made = provision(graph); !made) return report(made.err());
  std::vector<actors::wanted_node> first;
  for (const auto& node : graph.nodes)
    first.push_back({node.name, current->number, current->text, current->file, current->base_dir, false});
  if (const auto written = write_node_list(state, first); !written) return report(written.err());

  const auto log = make_log(graph.logging, "launcher");
  reloader reload(options.topology, state, log);
  auto service = launch_service::open(graph, [&reload] { reload(); });
  if (!service) return report(service.err());
  service_front& front = service.value()->front();
  const std::vector<std::string> common{"--launcher",         service.value()->socket(), "--log-format",
                                        graph.logging.format, "--log-level",             graph.logging.level};

  launch_options launch;
  launch.observer = service.value().get();
  launch.report_every = front.patience();
  launch.run_for = options.duration();
  auto commands = commands_of(state, options.log, common);
  if (!commands) return report(commands.err());
  launch.nodes = std::move(commands).value();
  // Each node enforces its own bound; the launcher's lies behind the last of them.
  for (const auto& node : graph.nodes)
    launch.limits.stop_within = std::max(launch.limits.stop_within, node.stop_within + milliseconds(2000));

  // A service manager collects lines of a log; people look at figures.
  const bool drawn = !front.heard() && graph.logging.format == "text";
  display screen(drawn && display::terminal(), std::chrono::seconds(5));
  launch.on_event = [&](const std::string& sentence) { drawn ? screen.event(sentence) : log->info("{}", sentence); };
  launch.on_event("state, logs and sockets are in " + state);
  if (current->text != topology.text)
    launch.on_event("goes on with revision " + std::to_string(current->number) +
                    " that was applied while it ran; `freshet apply " + topology.graph.file + "` goes back to the file");
  if (!front.address().empty()) launch.on_event("/livez, /readyz and /metrics are at " + front.address());
  std::optional<watcher> watch;
  if (graph.stats()) {
    if (auto client = stats_client::open(graph); client.ok()) {
      watch.emplace(graph, std::move(client).value(), drawn ? &screen : nullptr, launch.on_event);
      launch.on_report = [&] {
        front.figures(watch->look());
        service.value()->progress(watch->line());
      };
    } else {
      launch.on_event("no figures: " + client.err().text());
    }
  }
  launch.wanted = [&, stamp = node_list_stamp(state)]() mutable -> std::optional<std::vector<node_command>> {
    reload.poll();
    const std::string now = node_list_stamp(state);
    if (now == stamp) return std::nullopt;
    stamp = now;
    auto changed = commands_of(state, options.log, common);
    if (!changed) {
      launch.on_event("the list of nodes is left as it was: " + changed.err().text());
      return std::nullopt;
    }
    topology_options running;
    running.state_dir = state;
    if (auto runs = load_running_topology(running)) {
      front.follow(std::make_shared<const topology::graph>(runs->graph));
      if (watch) watch->follow(std::move(runs).value().graph);
    }
    return std::move(changed).value();
  };
  process_signals signals;
  return freshet::cli::launch(launch, signals);
}

}  // namespace

result<topology::graph> graph_of(const actors::revision& r, const std::string& state_dir) {
  topology::load_options load;
  load.file = r.file;
  load.base_dir = r.base_dir;
  load.state_dir = state_dir;
  return topology::load_graph(r.text, load);
}

void add_run(CLI::App& app, action& chosen) {
  CLI::App* command = app.add_subcommand("run", "Run the engine: a process for each node, until Ctrl-C");
  command->footer("Nodes that die are started again, and so are nodes that hang. A second Ctrl-C stops at once. SIGHUP reads the "
                  "file again and applies it as `freshet apply` does. /livez, /readyz?verbose and /metrics are served where "
                  "[service] listen says; under systemd use Type=notify.");
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
  command->add_option("--log-format", options->log_format, "How logs are written; above what the file says")
      ->option_text("text|json")
      ->check(CLI::IsMember({"text", "json"}));
  command->add_option("--log-level", options->log_level, "The least serious events that are logged; above what the file says")
      ->option_text("debug|info|warn|error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  // How a launcher starts its nodes: nothing for people.
  command->add_option("--launcher", options->launcher)->group("")->needs("--node");
  command->add_option("--revision", options->revision)->group("")->needs("--node");
  command->add_flag("--await", options->await)->group("")->needs("--node");
  command->add_option("--base-dir", options->topology.base_dir)->group("")->needs("--node");
  command->callback([options, &chosen] {
    chosen = [options]() -> int {
      make_files_private();
      return options->node.empty() ? run_all(*options) : run_alone(*options);
    };
  });
}

}  // namespace freshet::cli

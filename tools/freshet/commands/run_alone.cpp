// freshet run --node: one node, in this process.
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "config/suggest.hpp"
#include "tools/freshet/commands/reloader.hpp"
#include "tools/freshet/commands/run_options.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/log.hpp"
#include "tools/freshet/node_list.hpp"
#include "tools/freshet/paths.hpp"
#include "tools/freshet/process_signals.hpp"
#include "tools/freshet/run_node.hpp"
#include "tools/freshet/stop_token.hpp"
#include "topology/graph/plan.hpp"

namespace freshet::cli {

int run_alone(const run_options& options) {
  const auto topology = load_topology(options.topology);
  if (!topology) return report(topology.err());
  topology::graph graph = topology->graph;
  options.change(graph.logging);
  std::uint64_t revision = options.revision;
  // Alone on its host, the node that decides on changes keeps their history itself.
  if (revision == 0 && options.node == topology::control_node(graph)) {
    if (const auto made = make_folder(graph.state_dir); !made) return report(made.err());
    const auto current = begin_revision(graph.state_dir, topology->text, graph.file, working_dir());
    if (!current) return report(current.err());
    auto now = graph_of(*current, graph.state_dir);
    if (!now) return report(now.err());
    revision = current->number;
    graph = std::move(now).value();
    options.change(graph.logging);
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
  std::atomic<int> stops{0};
  const process_signals signals([&source, &stops] {
    // The second request is not for waiting: state survives this as it survives any kill.
    if (stops.fetch_add(1) > 0) ::_exit(exit_not_in_time);
    source.request_stop();
  });
  node_run how;
  how.stop = source.token();
  how.launcher = options.launcher;
  how.revision = revision;
  how.await = options.await;
  // A launched node reads what its launcher gave it; the launcher reads the file.
  std::shared_ptr<reloader> reload;
  if (options.launcher.empty()) {
    reload = std::make_shared<reloader>(options.topology, graph.state_dir, make_log(graph.logging, options.node));
    how.read_again = [reload] { (*reload)(); };
  }
  how.reload_wanted = [&signals, reload, seen = 0]() mutable {
    if (reload) reload->poll();
    const int asked = signals.reloads();
    return std::exchange(seen, asked) != asked;
  };
  return run_node(graph, options.node, how);
}

}  // namespace freshet::cli

#include "tools/freshet/service/launch_service.hpp"

#include <algorithm>
#include <utility>

namespace freshet::cli {
namespace {

using clock = std::chrono::steady_clock;

std::vector<std::string> names_of(const topology::graph& graph) {
  std::vector<std::string> names;
  for (const topology::node_spec& node : graph.nodes) names.push_back(node.name);
  return names;
}

std::string status_of(const std::vector<node_view>& nodes, const std::string& progress) {
  const auto running =
      std::count_if(nodes.begin(), nodes.end(), [](const node_view& n) { return n.state == node_state::running; });
  std::string line = std::to_string(running) + " of " + std::to_string(nodes.size()) + " nodes run";
  for (const node_view& n : nodes)
    if (n.state == node_state::late || n.state == node_state::waiting) line += "; " + n.name + " " + n.why;
  return progress.empty() ? line : line + "; " + progress;
}

}  // namespace

result<std::unique_ptr<launch_service>> launch_service::open(const topology::graph& graph,
                                                             std::function<void()> read_again) {
  FRESHET_TRY_ASSIGN(notify_listener listener, notify_listener::open(graph.state_dir + "/launcher.sock"));
  FRESHET_TRY_ASSIGN(auto front, service_front::open(graph, graph.state_dir));
  return std::unique_ptr<launch_service>(
      new launch_service(graph, std::move(listener), std::move(front), std::move(read_again)));
}

launch_service::launch_service(const topology::graph& graph, notify_listener listener,
                               std::unique_ptr<service_front> front, std::function<void()> read_again)
    : listener_(std::move(listener)),
      watch_(names_of(graph),
             {graph.service.answer_within, graph.service.hung_after, node_watch_limits{}.start_within}),
      front_(std::move(front)),
      read_again_(std::move(read_again)) {}

void launch_service::started(const std::string& node, pid_t process) { watch_.started(node, process, clock::now()); }
void launch_service::ended(const std::string& node, const std::string& how) { watch_.ended(node, how); }

std::vector<std::string> launch_service::turn() {
  while (const auto heard = listener_.receive()) watch_.heard(*heard, clock::now());
  const auto now = clock::now();
  auto nodes = watch_.view(now);
  const std::string status = status_of(nodes, progress_);
  front_->turn(std::move(nodes), watch_.all_ready(), watch_.all_answer(now), status);
  return watch_.hung(now);
}

}  // namespace freshet::cli

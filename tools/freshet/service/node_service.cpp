#include "tools/freshet/service/node_service.hpp"

#include <algorithm>
#include <utility>

#include "tools/freshet/paths.hpp"

#include <unistd.h>

namespace freshet::cli {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds figures_patience{300};

}  // namespace

std::vector<unwell_role> unwell_roles(const std::vector<rt::child_health>& health) {
  std::vector<unwell_role> out;
  for (const rt::child_health& c : health) {
    if (c.gone) continue;
    switch (c.state) {
      case rt::child_state::running:
        if (!c.answered) out.push_back({c.name, "is starting"});
        break;
      case rt::child_state::backing_off:
        out.push_back({c.name, "waits to be started again; it failed: " + c.last_failure});
        break;
      case rt::child_state::given_up:
        out.push_back({c.name, "is given up; it failed: " + c.last_failure});
        break;
      case rt::child_state::stopped:
        out.push_back({c.name, "has ended"});
        break;
    }
  }
  return out;
}

bool all_run(const std::vector<rt::child_health>& health) {
  return std::all_of(health.begin(), health.end(),
                     [](const rt::child_health& c) { return c.gone || (c.state == rt::child_state::running && c.answered); });
}

result<std::unique_ptr<node_service>> node_service::open(const topology::graph& graph, const std::string& node,
                                                         const std::string& launcher,
                                                         std::function<void()> read_again) {
  const bool alone = launcher.empty();
  if (alone) FRESHET_TRY(make_folder(graph.state_dir + "/" + node));
  FRESHET_TRY_ASSIGN(auto front, alone ? service_front::open(graph, graph.state_dir + "/" + node)
                                       : service_front::under_launcher(graph, launcher));
  std::unique_ptr<node_service> made(new node_service(graph, node, std::move(front), alone, std::move(read_again)));
  const auto stats = graph.stats();
  if (!alone || !stats || graph.find_node(stats->node)->listen.empty()) return made;
  // On an encrypted link that takes a console's key, which a host of devices need not have: then /readyz says that
  // there are no figures, and the node runs all the same.
  auto client = stats_client::open(graph);
  if (client.ok()) {
    made->client_.emplace(std::move(client).value());
  } else {
    made->front_->figures(client.err());
  }
  return made;
}

node_service::node_service(const topology::graph& graph, std::string node, std::unique_ptr<service_front> front,
                           bool alone, std::function<void()> read_again)
    : graph_(graph),
      node_(std::move(node)),
      front_(std::move(front)),
      alone_(alone),
      read_again_(std::move(read_again)),
      period_(std::min(front_->patience(), graph.service.answer_within / 4)) {}

void node_service::turn(const rt::node& running) {
  const auto now = clock::now();
  if (now < next_) return;
  next_ = now + period_;
  if (running.answers(period_)) answered_ = clock::now();
  const auto silent = clock::now() - answered_;
  const bool answers = silent <= graph_.service.answer_within;
  const auto health = running.health();

  node_view view;
  view.name = node_;
  view.process = ::getpid();
  view.starts = 1;
  view.unwell = unwell_roles(health);
  view.state = all_run(health) ? node_state::running : node_state::starting;
  if (!answers) {
    view.state = node_state::late;
    view.why = "its port or supervisor has not answered for " +
               std::to_string(std::chrono::duration_cast<std::chrono::seconds>(silent).count()) + " s";
  } else if (view.state == node_state::starting && !front_->said_ready()) {
    view.why = "is starting";
  } else {
    view.state = node_state::running;  // a role that fails later has a line of its own
  }
  const auto roles = static_cast<std::size_t>(
      std::count_if(health.begin(), health.end(), [](const rt::child_health& c) { return !c.gone; }));
  const std::string status = view.state == node_state::late ? view.why
                                                            : std::to_string(roles - view.unwell.size()) + " of " +
                                                                  std::to_string(roles) + " roles run";
  // The launcher must hear of silence by silence: a sign of life goes out only for an answer just now.
  const bool sign = alone_ ? answers : silent <= period_ * 2;
  const std::string beside = alone_ ? "" : health_line(view.unwell);
  front_->turn({std::move(view)}, all_run(health), sign, status, beside);
  if (client_) front_->figures(client_->fetch(figures_patience));
}

}  // namespace freshet::cli

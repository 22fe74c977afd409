#include "tools/freshet/service/service_front.hpp"

#include "tools/freshet/service/metrics.hpp"

#include <algorithm>
#include <utility>

#include <sys/statvfs.h>

namespace freshet::cli {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::seconds disk_period{10};

http_page health_page(bool ok, const std::string& body) { return {ok ? 200 : 503, "text/plain; charset=utf-8", body}; }

http_page ready_page(const std::vector<health_check>& checks, bool verbose) {
  const auto bad = std::count_if(checks.begin(), checks.end(), [](const health_check& c) { return !c.ok(); });
  std::string body;
  for (const health_check& c : checks) {
    if (!verbose && c.ok()) continue;
    body += (c.ok() ? "[+]" : "[-]") + c.name + " " + (c.ok() ? "ok" : one_line(c.why)) + "\n";
  }
  body += bad == 0 ? (verbose ? "ready\n" : "ok\n")
                   : "not ready: " + std::to_string(bad) + " of " + std::to_string(checks.size()) + " checks fail\n";
  return health_page(bad == 0, body);
}

}  // namespace

http_pages service_pages(const service_board& board, const topology::graph& graph) {
  http_pages pages;
  pages["/livez"] = [&](const http_request&) {
    const std::string why = why_not_alive(board.get(), graph.service, clock::now());
    return health_page(why.empty(), why.empty() ? "ok\n" : one_line(why) + "\n");
  };
  pages["/readyz"] = [&](const http_request& request) {
    const service_view seen = board.get();
    return ready_page(readiness(seen, seen.graph ? *seen.graph : graph, clock::now()), request.parameters.count("verbose") > 0);
  };
  pages["/metrics"] = [&](const http_request&) {
    const service_view seen = board.get();
    return http_page{200, "text/plain; version=0.0.4; charset=utf-8",
                     metrics_text(seen, seen.graph ? *seen.graph : graph, clock::now())};
  };
  return pages;
}

service_front::service_front(const topology::graph& graph, std::optional<notifier> to,
                             std::optional<std::chrono::microseconds> watchdog)
    : graph_(graph),
      notifier_(std::move(to)),
      voice_([this](const std::string& lines) { return !notifier_ || notifier_->send(lines).ok(); },
             notifier_ ? watchdog : std::nullopt) {
  view_.taken = clock::now();
  publish();
}

result<std::unique_ptr<service_front>> service_front::open(const topology::graph& graph, const std::string& folder) {
  FRESHET_TRY_ASSIGN(std::optional<notifier> manager, notifier::from_environment());
  std::unique_ptr<service_front> front(new service_front(graph, std::move(manager), watchdog_from_environment()));
  if (graph.service.listen.empty()) return front;
  auto where = config::parse_service_address(graph.service.listen);
  if (!where) return error{errc::invalid_argument, "service.listen " + graph.service.listen + " is no address"};
  if (!where->path.empty() && where->path.front() != '/') where->path = folder + "/" + where->path;
  FRESHET_TRY_ASSIGN(front->server_, http_server::start(*where, service_pages(front->board_, graph)));
  return front;
}

result<std::unique_ptr<service_front>> service_front::under_launcher(const topology::graph& graph,
                                                                     const std::string& socket) {
  FRESHET_TRY_ASSIGN(notifier launcher, notifier::to(socket));
  // Signs of life come at half of it: several in the time after which a node is called late.
  const auto period = std::min<std::chrono::microseconds>(std::chrono::seconds(2), graph.service.answer_within / 2);
  return std::unique_ptr<service_front>(new service_front(graph, std::optional<notifier>(std::move(launcher)), period));
}

void service_front::follow(std::shared_ptr<const topology::graph> now) {
  view_.graph = std::move(now);
  publish();
}

void service_front::publish() { board_.put(view_); }

void service_front::turn(std::vector<node_view> nodes, bool ready, bool answers, const std::string& status,
                         const std::string& beside) {
  const auto now = clock::now();
  if (now >= disk_at_) {
    disk_at_ = now + disk_period;
    struct statvfs disk {};
    const bool seen = ::statvfs(graph_.state_dir.c_str(), &disk) == 0;
    view_.disk_free_bytes = seen ? std::optional<std::uint64_t>(disk.f_bavail * disk.f_frsize) : std::nullopt;
    view_.disk_size_bytes = seen ? std::optional<std::uint64_t>(disk.f_blocks * disk.f_frsize) : std::nullopt;
  }
  view_.taken = now;
  view_.nodes = std::move(nodes);
  publish();
  voice_.turn(now, ready, answers, beside);
  voice_.status(now, status);
}

void service_front::figures(result<std::string> document) {
  if (document.ok()) {
    view_.figures = std::make_shared<const std::string>(std::move(document).value());
    view_.figures_taken = clock::now();
    view_.figures_problem.clear();
  } else {
    view_.figures_problem = document.err().text();
  }
  publish();
}

void service_front::reload(const std::function<void()>& read_again) {
  voice_.reloading(clock::now());
  read_again();
  ++view_.reloads;
  publish();
  voice_.reloaded();
}

void service_front::stopping() {
  view_.stopping = true;
  publish();
  voice_.stopping();
}

}  // namespace freshet::cli

// What a daemon shows of itself: to the service manager (service_voice.hpp) and over HTTP (/livez, /readyz,
// /metrics). A launcher and a node that runs alone have one each; a node under a launcher speaks to that alone.
// Thread contract: owned by the main thread; HTTP is answered on threads of its own.
#pragma once

#include "kernels/base/result.hpp"
#include "tools/freshet/service/http_server.hpp"
#include "tools/freshet/service/notifier.hpp"
#include "tools/freshet/service/service_view.hpp"
#include "tools/freshet/service/service_voice.hpp"
#include "topology/graph/graph.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace freshet::cli {

class service_front {
 public:
  using clock = std::chrono::steady_clock;

  /// To the manager that the environment names, if any, and over HTTP where the graph says; a relative local
  /// socket lies in `folder`. The graph must outlive it.
  static result<std::unique_ptr<service_front>> open(const topology::graph& graph, const std::string& folder);
  /// To a launcher's socket only.
  static result<std::unique_ptr<service_front>> under_launcher(const topology::graph& graph, const std::string& socket);

  /// Where HTTP is served; empty when it is not.
  [[nodiscard]] std::string address() const { return server_ ? server_->address() : ""; }
  /// A service manager, or a launcher, listens.
  [[nodiscard]] bool heard() const noexcept { return notifier_.has_value(); }
  /// How long turn() may wait to be called again.
  [[nodiscard]] std::chrono::milliseconds patience() const { return voice_.patience(); }
  [[nodiscard]] bool said_ready() const noexcept { return voice_.said_ready(); }
  /// All runs: `ready` for the first time; `answers` while nothing hangs. `beside` goes with each sign of life.
  void turn(std::vector<node_view> nodes, bool ready, bool answers, const std::string& status,
            const std::string& beside = "");
  /// What runs has changed.
  void follow(std::shared_ptr<const topology::graph> now);
  /// What came of a question for the stats document.
  void figures(result<std::string> document);
  /// Runs `read_again`, framed by what a manager wants to hear.
  void reload(const std::function<void()>& read_again);
  void stopping();

 private:
  service_front(const topology::graph& graph, std::optional<notifier> to,
                std::optional<std::chrono::microseconds> watchdog);
  void publish();

  const topology::graph& graph_;
  std::optional<notifier> notifier_;
  service_voice voice_;
  service_view view_;
  service_board board_;
  clock::time_point disk_at_{};
  std::unique_ptr<http_server> server_;  ///< last: its threads read the board
};

/// The pages over a board, for the server and for tests.
[[nodiscard]] http_pages service_pages(const service_board& board, const topology::graph& graph);

}  // namespace freshet::cli

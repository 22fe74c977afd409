#include "tools/freshet/launcher.hpp"

#include <signal.h>

#include <algorithm>
#include <utility>

namespace freshet::cli {
namespace {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

struct node_process {
  node_command command;
  restart_plan plan;
  std::optional<child_process> child;
  clock::time_point start_at;   ///< while there is no child
  std::optional<clock::time_point> kill_at = std::nullopt;   ///< it leaves: what enforces that
  bool killed = false;   ///< this child, since it hangs; its end is still to come
};

class launcher {
 public:
  launcher(const launch_options& options, process_signals& signals) : options_(options), signals_(signals) {
    for (const node_command& command : options.nodes)
      nodes_.push_back(fresh(command));
    begun_ = clock::now();
    report_at_ = begun_ + options.report_every;
  }

  exit_code run() {
    while (!stopping_) {
      adjust();
      start_due();
      reap();
      if (stopping_) break;
      if (signals_.stops() > 0) {
        stop("stopping");
      } else if (options_.run_for && clock::now() >= begun_ + *options_.run_for) {
        stop("the agreed time is over; stopping");
      } else {
        reload();
        observe();
        report();
        signals_.wait(until_next(), options_.observer == nullptr ? -1 : options_.observer->wake_descriptor());
      }
    }
    finish();
    return verdict_;
  }

 private:
  [[nodiscard]] node_process fresh(const node_command& command) const {
    return {command, restart_plan(options_.limits), std::nullopt, clock::now()};
  }

  /// Makes the set of processes what it should be.
  void adjust() {
    if (const auto wanted = options_.wanted()) {
      if (options_.observer != nullptr) {
        std::vector<std::string> names;
        for (const node_command& command : *wanted) names.push_back(command.node);
        options_.observer->wanted(names);
      }
      for (node_process& n : nodes_) {
        const bool stays = std::any_of(wanted->begin(), wanted->end(),
                                       [&](const node_command& c) { return c.node == n.command.node; });
        if (stays || n.kill_at) continue;
        options_.on_event("node " + n.command.node + " is not wanted any more; stopping it");
        if (n.child) n.child->signal(SIGTERM);
        n.kill_at = clock::now() + options_.limits.stop_within;
      }
      for (const node_command& command : *wanted) {
        const auto known = std::find_if(nodes_.begin(), nodes_.end(), [&](const node_process& n) {
          return n.command.node == command.node && !n.kill_at;
        });
        if (known == nodes_.end())
          nodes_.push_back(fresh(command));
        else
          known->command = command;
      }
    }
    for (auto n = nodes_.begin(); n != nodes_.end();) {
      if (n->kill_at && n->child && clock::now() >= *n->kill_at) n->child->signal(SIGKILL);
      if (n->kill_at && n->child && n->child->ended()) n->child.reset();
      n = n->kill_at && !n->child ? nodes_.erase(n) : std::next(n);
    }
  }

  /// Another process of that name still leaves: it has the node's files and its socket.
  [[nodiscard]] bool name_is_taken(const std::string& node) const {
    return std::any_of(nodes_.begin(), nodes_.end(),
                       [&](const node_process& n) { return n.kill_at && n.command.node == node; });
  }

  void start_due() {
    for (node_process& n : nodes_) {
      if (n.kill_at || name_is_taken(n.command.node)) continue;
      if (n.child || clock::now() < n.start_at) continue;
      auto started = child_process::start(n.command.arguments, n.command.log_file);
      if (!started) {
        options_.on_event("node " + n.command.node + ": " + started.err().text());
        give_up();
        return;
      }
      n.child.emplace(std::move(started).value());
      n.killed = false;
      n.plan.started(clock::now());
      if (options_.observer != nullptr) options_.observer->started(n.command.node, n.child->pid());
      options_.on_event("node " + n.command.node + " runs as process " + std::to_string(n.child->pid()));
    }
  }

  void reap() {
    for (node_process& n : nodes_) {
      if (!n.child || n.kill_at) continue;
      const auto how = n.child->ended();
      if (!how) continue;
      n.child.reset();
      const auto delay = n.plan.ended(clock::now(), *how);
      if (options_.observer != nullptr)
        options_.observer->ended(n.command.node, "ended with " + how->text() +
                                                      (delay ? " and is to start again" : " and is given up"));
      if (!delay && n.command.trial) {
        // Whoever asked for it waits in vain, and takes it back.
        n.start_at = clock::time_point::max();
        options_.on_event("new node " + n.command.node + " ended with " + how->text() + " and is left alone" + see_log(n));
        continue;
      }
      if (!delay) {
        options_.on_event("node " + n.command.node + " ended with " + how->text() + " and is given up" + see_log(n));
        give_up();
        return;
      }
      n.start_at = clock::now() + *delay;
      options_.on_event("node " + n.command.node + " ended with " + how->text() + "; it starts again in " +
                        std::to_string(delay->count()) + " ms" + see_log(n));
    }
  }

  void reload() {
    const int asked = signals_.reloads();
    if (asked == reloads_seen_) return;
    reloads_seen_ = asked;
    if (options_.observer != nullptr) options_.observer->reload();
  }

  void observe() {
    if (options_.observer == nullptr) return;
    for (const std::string& hung : options_.observer->turn())
      for (node_process& n : nodes_) {
        if (n.command.node != hung || !n.child || n.killed) continue;
        n.killed = true;
        options_.on_event("node " + hung + " does not answer; its process " + std::to_string(n.child->pid()) + " is killed");
        n.child->signal(SIGKILL);
      }
  }

  static std::string see_log(const node_process& n) {
    return n.command.log_file.empty() ? "" : "; its words are in " + n.command.log_file;
  }

  void give_up() {
    verdict_ = exit_node_failed;
    stop("stopping the other nodes");
  }

  void stop(const std::string& why) {
    stopping_ = true;
    stops_seen_ = signals_.stops();
    options_.on_event(why);
    if (options_.observer != nullptr) options_.observer->stopping();
    for (node_process& n : nodes_)
      if (n.child) n.child->signal(SIGTERM);
    kill_at_ = clock::now() + options_.limits.stop_within;
  }

  /// Waits for all to end; enforces it at the deadline or at a second request.
  void finish() {
    bool killed = false;
    for (;;) {
      bool any = false;
      for (node_process& n : nodes_) {
        if (!n.child) continue;
        if (n.child->ended()) {
          n.child.reset();
        } else {
          any = true;
        }
      }
      if (!any) return;
      if (!killed && (clock::now() >= kill_at_ || signals_.stops() > stops_seen_)) {
        killed = true;
        for (node_process& n : nodes_) {
          if (!n.child) continue;
          options_.on_event("node " + n.command.node + " has not stopped in time; it is killed");
          n.child->signal(SIGKILL);
        }
        if (verdict_ == exit_ok) verdict_ = exit_not_in_time;
      }
      signals_.wait(std::clamp(std::chrono::ceil<milliseconds>(kill_at_ - clock::now()), milliseconds(1), milliseconds(200)));
    }
  }

  void report() {
    if (clock::now() < report_at_) return;
    options_.on_report();
    report_at_ = clock::now() + options_.report_every;
  }

  milliseconds until_next() const {
    auto next = report_at_;
    for (const node_process& n : nodes_)
      if (!n.child && !n.kill_at) next = std::min(next, n.start_at);
    if (options_.run_for) next = std::min(next, begun_ + *options_.run_for);
    // The set of wanted processes gives no signal when it changes.
    return std::clamp(std::chrono::ceil<milliseconds>(next - clock::now()), milliseconds(1), milliseconds(200));
  }

  const launch_options& options_;
  process_signals& signals_;
  std::vector<node_process> nodes_;
  clock::time_point begun_;
  clock::time_point report_at_;
  clock::time_point kill_at_;
  bool stopping_ = false;
  int reloads_seen_ = 0;
  int stops_seen_ = 0;   ///< when the stop began: one more means "at once"
  exit_code verdict_ = exit_ok;
};

}  // namespace

exit_code launch(const launch_options& options, process_signals& signals) { return launcher(options, signals).run(); }

}  // namespace freshet::cli

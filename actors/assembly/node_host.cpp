#include "actors/assembly/node_host.hpp"

#include "actors/assembly/assembly.hpp"
#include "actors/assembly/node_security.hpp"
#include "actors/control/agent_core.hpp"
#include "topology/graph/links.hpp"
#include "topology/graph/load.hpp"
#include "topology/graph/plan.hpp"
#include "topology/graph/role_image.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

namespace freshet::actors {

using topology::change_step;
using topology::graph;
using topology::node_report;
using topology::topology_order;

namespace {

// A core that cannot even start says so at once; longer than this nobody waits for good news.
constexpr std::chrono::milliseconds start_watch{300};
// How soon a halt is noticed.
constexpr std::chrono::milliseconds order_wait{100};

/// Models that do not fit say so by exceptions; the node that runs must not end by them.
template <class F>
result<void> carefully(F what) {
  try {
    return what();
  } catch (const std::exception& e) {
    return {errc::internal, e.what()};
  } catch (...) {
    return {errc::internal, "an exception of an unknown type"};
  }
}

/// Where orders lie until the owner carries them out, and what it says of itself.
class desk final : public node_operations {
 public:
  explicit desk(node_report first) : report_(std::move(first)) {}

  void order(const topology_order& what) override {
    {
      const std::lock_guard lock(mutex_);
      if (done(what)) return;  // said again because the report was still under way
      order_ = what;
    }
    came_.notify_all();
  }
  node_report report() const override {
    const std::lock_guard lock(mutex_);
    return report_;
  }

  std::optional<topology_order> take(std::chrono::milliseconds longest) {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, longest, [&] { return order_.has_value(); });
    return std::exchange(order_, std::nullopt);
  }
  template <class F>
  void update(F change) {
    const std::lock_guard lock(mutex_);
    change(report_);
  }

 private:
  [[nodiscard]] bool done(const topology_order& what) const {
    if (what.step == change_step::prepare && report_.prepared == what.revision) return true;
    return report_.active == what.revision && (what.step != change_step::finish || report_.finished);
  }
  mutable std::mutex mutex_;
  std::condition_variable came_;
  node_report report_;
  std::optional<topology_order> order_;
};

}  // namespace

class node_host::state {
 public:
  state(graph first, node_host_options options)
      : options_(std::move(options)), graph_(std::move(first)), desk_(std::make_shared<desk>(first_report())) {}

  rt::node& node() { return *node_; }
  [[nodiscard]] node_report report() const { return desk_->report(); }

  result<void> start(rt::system& engine, rt::transport& links) {
    assembly_options making;
    making.log = options_.log;
    making.with_roles = !options_.await;
    assembly parts(graph_, making);
    FRESHET_TRY_ASSIGN(rt::node_options made, parts.node(options_.node));
    residents_ = std::make_shared<rt::residents>(town_of(graph_), open_to_consoles(graph_));
    made.security.known = residents_;
    if (!options_.await)
      for (const auto* role : graph_.roles_on(options_.node)) images_[role->name] = topology::image_of(graph_, *role);
    made.log = options_.log;
    made.on_give_up = options_.on_give_up;
    made.peers = peers_of(graph_);
    peers_ = made.peers;
    for (const auto& [peer, endpoint] : made.peers)
      if (std::string key = server_key_of(graph_, peer, endpoint); !key.empty()) made.security.servers[peer] = std::move(key);
    const topology::address control{topology::control_node(graph_), topology::control_role};
    made.roles.push_back(
        {topology::agent_role, [control, d = desk_] { return make_agent(control, d); }, rt::placement::shared, {}});
    if (options_.control && control.node == options_.node)
      made.roles.push_back({topology::control_role, options_.control, rt::placement::shared, {}});
    FRESHET_TRY_ASSIGN(node_, rt::node::start(engine, links, std::move(made)));
    return {};
  }

  /// Carries orders out until halt(): beside whoever watches over the node, because models take long to load.
  void serve() {
    while (!halted_.load())
      if (const auto order = desk_->take(order_wait)) carry_out_and_tell(*order);
  }
  void begin_serving() { worker_ = std::thread([this] { serve(); }); }
  void halt() {
    halted_.store(true);
    if (worker_.joinable()) worker_.join();
  }
  ~state() { halt(); }

 private:
  void carry_out_and_tell(const topology_order& order) {
    const auto done = carefully([&] { return carry_out(order); });
    if (done.ok()) return;
    options_.log->error("revision {}: {}", order.revision, done.err().text());
    desk_->update([&](node_report& r) {
      r.failed = order.revision;
      r.failure = done.err().text();
    });
  }

  struct prepared_change {
    std::uint64_t revision = 0;
    graph wanted;
    std::vector<rt::role_spec> roles;  ///< that are new or changed
  };

  [[nodiscard]] node_report first_report() const {
    node_report r;
    r.node = options_.node;
    r.active = options_.await ? 0 : options_.revision;
    r.finished = !options_.await;
    return r;
  }

  result<void> carry_out(const topology_order& order) {
    if (report().active != order.revision) {
      if (!ready_ || ready_->revision != order.revision) FRESHET_TRY(prepare(order));
      if (order.step == change_step::prepare) return {};
      FRESHET_TRY(become(order.revision));
    }
    if (order.step == change_step::finish) finish();
    return {};
  }

  result<void> prepare(const topology_order& order) {
    topology::load_options load;
    load.file = order.file;
    // Relative folders of a node on a host of its own are those of that host.
    load.base_dir = options_.base_dir.value_or(order.base_dir);
    load.state_dir = graph_.state_dir;
    FRESHET_TRY_ASSIGN(graph wanted, topology::load_graph(order.text, load));
    std::vector<rt::role_spec> changed;
    if (wanted.find_node(options_.node) != nullptr) {
      // What is made here for its own sake is dropped again: only whether it can be made counts, and that
      // its models are in memory. What the roles read from the disk is read when they start.
      assembly_options making;
      making.keep_first = false;
      making.log = options_.log;
      auto parts = std::make_shared<assembly>(wanted, making);
      for (const auto* role : wanted.roles_on(options_.node)) {
        const auto runs = images_.find(role->name);
        if (runs != images_.end() && runs->second == topology::image_of(wanted, *role)) continue;
        if (halted_.load()) return error{errc::cancelled, "the node stops"};
        auto made = parts->role_of(*role);
        if (!made.ok()) return error{made.err().code, role->where().text() + ": " + made.err().context};
        changed.push_back(std::move(made).value());
      }
    }
    // Those who come must be heard before they are here, those who go until they are gone.
    rt::residents::town both = town_of(graph_);
    for (auto& [node, household] : town_of(wanted)) {
      both[node].roles.insert(household.roles.begin(), household.roles.end());
      both[node].devices.insert(household.devices.begin(), household.devices.end());
    }
    residents_->replace(std::move(both), open_to_consoles(wanted));
    ready_ = prepared_change{order.revision, std::move(wanted), std::move(changed)};
    desk_->update([&](node_report& r) { r.prepared = order.revision; });
    options_.log->info("revision {} is prepared: {} roles to start", order.revision, ready_->roles.size());
    return {};
  }

  result<void> become(std::uint64_t revision) {
    prepared_change next = std::move(*ready_);
    ready_.reset();
    for (const auto& [peer, endpoint] : peers_of(next.wanted)) {
      const auto known = peers_.find(peer);
      if (known != peers_.end() && known->second == endpoint) continue;
      node_->connect(peer, endpoint, server_key_of(next.wanted, peer, endpoint));
      peers_[peer] = endpoint;
    }
    std::vector<std::string> started;
    for (rt::role_spec& role : next.roles) {
      const std::string name = role.name;
      if (images_.count(name) != 0 && !node_->stop_role(name, stop_within()))
        options_.log->warn("role {} did not end in time and was killed", name);
      const auto* spec = next.wanted.find_role({options_.node, name});
      node_->start_role(std::move(role));
      images_[name] = topology::image_of(next.wanted, *spec);
      started.push_back(name);
    }
    leaving_.clear();
    for (const auto& node : graph_.nodes)
      if (next.wanted.find_node(node.name) == nullptr) leaving_.push_back(node.name);
    graph_ = std::move(next.wanted);
    const auto sound = watch(started);
    desk_->update([&](node_report& r) {
      r.prepared = 0;
      r.active = revision;
      r.finished = false;
      if (!sound.ok()) return;
      r.failed = 0;
      r.failure.clear();
    });
    return sound;
  }

  /// Whether what was started stays up for a moment.
  result<void> watch(const std::vector<std::string>& started) {
    if (started.empty()) return {};
    const auto until = std::chrono::steady_clock::now() + start_watch;
    while (std::chrono::steady_clock::now() < until) {
      for (const auto& child : node_->health()) {
        if (std::find(started.begin(), started.end(), child.name) == started.end()) continue;
        if (child.state == rt::child_state::backing_off || child.state == rt::child_state::given_up)
          return {errc::internal, "role " + child.name + " failed when it was started: " + child.last_failure};
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return {};
  }

  void finish() {
    for (auto it = images_.begin(); it != images_.end();) {
      if (graph_.find_role({options_.node, it->first}) != nullptr) {
        ++it;
        continue;
      }
      if (!node_->stop_role(it->first, stop_within()))
        options_.log->warn("role {} did not end in time and was killed", it->first);
      it = images_.erase(it);
    }
    const auto wanted = peers_of(graph_);
    for (auto it = peers_.begin(); it != peers_.end();) {
      if (wanted.count(it->first) != 0) {
        ++it;
        continue;
      }
      node_->disconnect(it->first);
      it = peers_.erase(it);
    }
    // Nodes that leave have still to say that they did.
    rt::residents::town all = town_of(graph_);
    for (const std::string& node : leaving_) all[node].roles.insert(topology::agent_role);
    residents_->replace(std::move(all), open_to_consoles(graph_));
    desk_->update([](node_report& r) { r.finished = true; });
  }

  /// Whom its roles talk to, and CONTROL's node, whatever its roles are.
  [[nodiscard]] std::map<std::string, std::string> peers_of(const graph& g) const {
    auto peers = topology::peers_of(g, options_.node);
    const auto* control = g.find_node(topology::control_node(g));
    if (control != nullptr && control->name != options_.node && !control->listen.empty())
      peers.emplace(control->name, control->listen.front());
    return peers;
  }

  [[nodiscard]] std::chrono::milliseconds stop_within() const {
    const auto* self = graph_.find_node(options_.node);
    return self == nullptr ? std::chrono::milliseconds(5000) : self->stop_within;
  }

  node_host_options options_;
  graph graph_;
  std::shared_ptr<desk> desk_;
  std::unique_ptr<rt::node> node_;
  std::shared_ptr<rt::residents> residents_;
  std::map<std::string, topology::role_image> images_;  ///< of the roles that run
  std::map<std::string, std::string> peers_;
  std::vector<std::string> leaving_;   ///< nodes of the graph before
  std::optional<prepared_change> ready_;
  std::atomic<bool> halted_{false};
  std::thread worker_;   ///< the only one to touch the above once it runs
};

node_host::node_host(std::unique_ptr<state> s) : state_(std::move(s)) {}
node_host::~node_host() = default;

result<std::unique_ptr<node_host>> node_host::start(rt::system& engine, rt::transport& links, graph first,
                                                    node_host_options options) {
  auto s = std::make_unique<state>(std::move(first), std::move(options));
  FRESHET_TRY(s->start(engine, links));
  s->begin_serving();
  return std::unique_ptr<node_host>(new node_host(std::move(s)));
}

void node_host::halt() { state_->halt(); }
rt::node& node_host::node() { return state_->node(); }
node_report node_host::report() const { return state_->report(); }
rt::stop_report node_host::stop(std::chrono::milliseconds deadline) {
  state_->halt();
  return state_->node().stop(deadline);
}

}  // namespace freshet::actors

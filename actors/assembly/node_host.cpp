#include "actors/assembly/node_host.hpp"

#include "actors/assembly/assembly.hpp"
#include "actors/assembly/node_security.hpp"
#include "actors/assembly/order_desk.hpp"
#include "actors/assembly/settling.hpp"
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
#include <set>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

namespace freshet::actors {

using topology::change_step;
using topology::graph;
using topology::node_report;
using topology::topology_order;

namespace {

// How often roles that were just started are asked for a sign of life.
constexpr std::chrono::milliseconds knock_every{300};
// A failure is reported at once, and orders are repeated once a second.
constexpr std::chrono::seconds failure_heard{5};
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

}  // namespace

class node_host::state {
 public:
  state(graph first, node_host_options options)
      : options_(std::move(options)), graph_(std::move(first)), desk_(std::make_shared<order_desk>(first_report())) {}

  rt::node& node() { return *node_; }
  node_operations& operations() { return *desk_; }

  result<void> start(rt::system& engine, rt::transport& links) {
    assembly_options making;
    making.log = options_.log;
    making.with_roles = !options_.await;
    assembly parts(graph_, making);
    FRESHET_TRY_ASSIGN(rt::node_options made, parts.node(options_.node));
    residents_ = std::make_shared<rt::residents>(town_of(graph_), open_to_consoles(graph_));
    made.security.known = residents_;
    if (!options_.await) {
      const topology::graph_index index(graph_);
      for (const auto* role : graph_.roles_on(options_.node)) images_[role->name] = topology::image_of(index, *role);
    }
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
    for (;;) {
      const auto order = desk_->take(order_wait);
      if (!enter(work::on_the_node)) break;
      if (order) carry_out_and_tell(*order);
      if (!enter(work::on_the_node)) break;
      look_after_the_started();
      if (!enter(work::none)) break;
    }
    {
      const std::lock_guard lock(work_mutex_);
      work_ = work::none;
    }
    work_changed_.notify_all();
  }
  void begin_serving() { worker_ = std::thread([this] { serve(); }); }
  bool halt() {
    {
      std::unique_lock lock(work_mutex_);
      halted_.store(true);
      // A model that is being loaded cannot be waited for, and what loads it leaves the node alone.
      work_changed_.wait(lock, [&] { return work_ != work::on_the_node; });
      if (work_ == work::loading) return false;
    }
    if (worker_.joinable()) worker_.join();
    return true;
  }
  ~state() {
    halt();
    if (worker_.joinable()) worker_.join();
  }

 private:
  /// What the worker is at: whether somebody who stops the node must wait for it.
  enum class work { none, on_the_node, loading };
  /// False once the node is to stop: then nothing may be begun, and what was loading stays out of its way.
  bool enter(work next) {
    {
      const std::lock_guard lock(work_mutex_);
      if (halted_.load()) return false;
      work_ = next;
    }
    work_changed_.notify_all();
    return true;
  }

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
      // It settles; or it failed, and CONTROL has not heard of that yet.
      const bool settles = started_ && becoming_ == order.revision;
      const bool just_failed = report().failed == order.revision && std::chrono::steady_clock::now() - failed_at_ < failure_heard;
      if (order.step != change_step::prepare && (settles || just_failed)) return {};
      if (!ready_ || ready_->revision != order.revision) FRESHET_TRY(prepare(order));
      if (order.step == change_step::prepare) return {};
      FRESHET_TRY(become(order.revision));
    }
    if (order.step == change_step::finish && report().active == order.revision) finish();
    return {};
  }

  result<void> prepare(const topology_order& order) {
    topology::load_options load;
    load.file = order.file;
    // Relative folders of a node on a host of its own are those of that host.
    load.base_dir = options_.base_dir.value_or(order.base_dir);
    load.state_dir = graph_.state_dir;
    drop_what_is_prepared();   // of another change: both need not be in memory
    FRESHET_TRY_ASSIGN(graph wanted, topology::load_graph(order.text, load));
    std::vector<rt::role_spec> changed;
    if (wanted.find_node(options_.node) != nullptr) {
      const topology::graph_index index(wanted);
      const auto make = options_.make_roles ? options_.make_roles(wanted) : made_by_assembly(wanted);
      for (const auto* role : index.roles_on(options_.node)) {
        const auto runs = images_.find(role->name);
        if (runs != images_.end() && runs->second == topology::image_of(index, *role)) continue;
        if (!enter(work::loading)) return stops();
        auto made = make(*role);
        if (!enter(work::on_the_node)) return stops();
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

  /// What is made here for its own sake is dropped again: only whether it can be made counts, and that its models
  /// are in memory. What the roles read from the disk is read when they start.
  [[nodiscard]] role_maker made_by_assembly(const graph& wanted) const {
    assembly_options making;
    making.keep_first = false;
    making.log = options_.log;
    auto parts = std::make_shared<assembly>(wanted, making);
    return [parts](const topology::role_spec& role) { return parts->role_of(role); };
  }

  /// A change that is not to be: its models leave memory, its newcomers are strangers again.
  void drop_what_is_prepared() {
    if (!ready_) return;
    options_.log->info("revision {} is not to be: what was prepared for it is dropped", ready_->revision);
    ready_.reset();
    let_in_those_of_now();
    desk_->update([](node_report& r) { r.prepared = 0; });
  }

  result<void> become(std::uint64_t revision) {
    prepared_change next = std::move(*ready_);
    ready_.reset();
    started_.reset();
    for (const auto& [peer, endpoint] : peers_of(next.wanted)) {
      const auto known = peers_.find(peer);
      if (known != peers_.end() && known->second == endpoint) continue;
      node_->connect(peer, endpoint, server_key_of(next.wanted, peer, endpoint));
      peers_[peer] = endpoint;
    }
    // From here on it is of neither revision, until what was started has shown that it works.
    desk_->update([&](node_report& r) {
      r.prepared = 0;
      r.active = 0;
      r.finished = false;
    });
    std::set<std::string> names;
    const topology::graph_index index(next.wanted);
    for (rt::role_spec& role : next.roles) {
      const std::string name = role.name;
      if (images_.count(name) != 0) stop_role(name);
      if (halted_.load()) return stops();
      const auto* spec = index.find_role({options_.node, name});
      node_->start_role(std::move(role));
      images_[name] = topology::image_of(index, *spec);
      names.insert(name);
    }
    leaving_.clear();
    for (const auto& node : graph_.nodes)
      if (index.find_node(node.name) == nullptr) leaving_.push_back(node.name);
    becoming_ = revision;
    started_.emplace(names, names.empty() ? duration{0} : duration{next.wanted.changes.settle});
    graph_ = std::move(next.wanted);
    look_after_the_started();
    return {};
  }

  /// Whether what was started is at work: the node is of the new revision once it is. Until all is finished a
  /// failure speaks against the change; later it is the supervisor's.
  void look_after_the_started() {
    if (!started_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now >= knock_at_) {
      node_->knock();
      knock_at_ = now + knock_every;
    }
    const auto sound = started_->look(node_->health(), time_point(now.time_since_epoch()));
    if (!sound.ok()) {
      options_.log->error("revision {}: {}", becoming_, sound.err().context);
      desk_->update([&](node_report& r) {
        r.failed = becoming_;
        r.failure = sound.err().context;
      });
      failed_at_ = now;
      started_.reset();
      return;
    }
    if (!*sound || report().active == becoming_) return;
    desk_->update([&](node_report& r) {
      r.active = becoming_;
      r.failed = 0;
      r.failure.clear();
    });
    options_.log->info("revision {} runs here", becoming_);
  }

  void stop_role(const std::string& name) {
    if (!node_->stop_role(name, stop_within(), [this] { return halted_.load(); }) && !halted_.load())
      options_.log->warn("role {} did not end in time and was killed", name);
  }
  static error stops() { return {errc::cancelled, "the node stops"}; }
  [[nodiscard]] node_report report() const { return desk_->report(); }

  void finish() {
    drop_what_is_prepared();
    for (auto it = images_.begin(); it != images_.end();) {
      if (graph_.find_role({options_.node, it->first}) != nullptr) {
        ++it;
        continue;
      }
      stop_role(it->first);
      if (halted_.load()) return;
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
    let_in_those_of_now();
    started_.reset();
    desk_->update([](node_report& r) {
      r.prepared = 0;
      r.finished = true;
    });
  }

  void let_in_those_of_now() {
    rt::residents::town all = town_of(graph_);
    // Nodes that leave have still to say that they did.
    for (const std::string& node : leaving_) all[node].roles.insert(topology::agent_role);
    residents_->replace(std::move(all), open_to_consoles(graph_));
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
  std::shared_ptr<order_desk> desk_;
  std::unique_ptr<rt::node> node_;
  std::shared_ptr<rt::residents> residents_;
  std::map<std::string, topology::role_image> images_;  ///< of the roles that run
  std::map<std::string, std::string> peers_;
  std::vector<std::string> leaving_;   ///< nodes of the graph before
  std::optional<prepared_change> ready_;
  std::optional<settling> started_;    ///< by the change that is under way
  std::uint64_t becoming_ = 0;         ///< its revision
  std::chrono::steady_clock::time_point knock_at_{};
  std::chrono::steady_clock::time_point failed_at_{};
  std::atomic<bool> halted_{false};
  std::mutex work_mutex_;
  std::condition_variable work_changed_;
  work work_ = work::none;
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

bool node_host::halt() { return state_->halt(); }
rt::node& node_host::node() { return state_->node(); }
node_operations& node_host::operations() { return state_->operations(); }
rt::stop_report node_host::stop(std::chrono::milliseconds deadline) {
  state_->halt();
  return state_->node().stop(deadline);
}

}  // namespace freshet::actors

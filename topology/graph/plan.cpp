#include "topology/graph/plan.hpp"

#include "topology/graph/links.hpp"
#include "topology/graph/role_image.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace freshet::topology {
namespace {

/// Those that lead lives of their own on the disk: another node would begin with nothing.
bool keeps_state(role_kind kind) {
  return kind == role_kind::intake || kind == role_kind::distiller || kind == role_kind::deployer;
}

std::vector<std::string> differences(const role_image& now, const role_image& wanted) {
  std::vector<std::string> out;
  const std::string none = "(nothing)";
  for (const auto& [key, value] : now) {
    const auto it = wanted.find(key);
    const std::string& other = it == wanted.end() ? none : it->second;
    if (other != value) out.push_back(key + ": " + value + " -> " + other);
  }
  for (const auto& [key, value] : wanted)
    if (now.count(key) == 0) out.push_back(key + ": " + none + " -> " + value);
  return out;
}

bool any_starts_with(const std::vector<std::string>& texts, std::string_view prefix) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const std::string& t) { return t.compare(0, prefix.size(), prefix) == 0; });
}

std::string restart_cost(role_kind kind, const std::vector<std::string>& why) {
  const bool other_line = any_starts_with(why, "distiller.student") || any_starts_with(why, "distiller.lora_") ||
                          any_starts_with(why, "distiller.chat_template") || any_starts_with(why, "distiller.seed");
  switch (kind) {
    case role_kind::device:
      return other_line ? "begins with the base of another line of students"
                        : "answers nothing while it starts; keeps its version";
    case role_kind::uplink_filter:
      return "what waits to be sent is kept";
    case role_kind::intake:
      return "takes nothing while it starts; what it accepted is on the disk";
    case role_kind::teacher:
      return "loads its model; what it was labelling is labelled again";
    case role_kind::distiller:
      return other_line ? "begins another line: the versions of this one end here"
                        : "continues from its last version; what it was training on is trained on again";
    case role_kind::compressor:
      return "an update in the making is made again";
    case role_kind::deployer:
      return "transfers in progress resume";
    case role_kind::stats:
      return "figures begin anew";
    case role_kind::bench:
      break;
  }
  return "";
}

std::string start_cost(role_kind kind) {
  switch (kind) {
    case role_kind::device:
      return "loads the student";
    case role_kind::teacher:
      return "loads its model";
    case role_kind::distiller:
      return "loads the student and its rehearsal";
    default:
      return "";
  }
}

class planner {
 public:
  planner(const graph& now, const graph& wanted) : now_(now), wanted_(wanted) {}

  change_plan make() {
    judge_nodes();
    judge_moves();
    for (const node_spec& node : wanted_.whole().nodes)
      if (now_.find_node(node.name) == nullptr) add(step_kind::start_node, {node.name, ""}, {}, "a process of its own");
    for (const role_spec& role : wanted_.whole().roles)
      if (now_.find_role(role.where()) == nullptr) start(role);
    for (const role_spec& role : wanted_.whole().roles) change(role);
    for (const role_spec& role : now_.whole().roles)
      if (!kept(role)) stop(role);
    for (const node_spec& node : now_.whole().nodes)
      if (wanted_.find_node(node.name) == nullptr) add(step_kind::stop_node, {node.name, ""}, {}, "");
    auto peers_now = all_peers(now_);
    auto peers_wanted = all_peers(wanted_);
    for (const node_spec& node : wanted_.whole().nodes) {
      if (now_.find_node(node.name) != nullptr && peers_now[node.name] != peers_wanted[node.name])
        touched_.insert(node.name);
    }
    // Who accepts connections must know who comes and who goes.
    const bool people = std::any_of(plan_.steps.begin(), plan_.steps.end(),
                                    [](const plan_step& s) { return s.kind != step_kind::restart_role; });
    for (const node_spec& node : wanted_.whole().nodes)
      if (people && !node.listen.empty() && now_.find_node(node.name) != nullptr) touched_.insert(node.name);
    plan_.nodes.assign(touched_.begin(), touched_.end());
    return std::move(plan_);
  }

 private:
  void add(step_kind kind, address where, std::vector<std::string> why, std::string cost) {
    touched_.insert(where.node);
    plan_.steps.push_back({kind, std::move(where), std::move(why), std::move(cost)});
  }

  /// The same role of another kind is another role.
  [[nodiscard]] bool kept(const role_spec& old) const {
    const role_spec* next = wanted_.find_role(old.where());
    return next != nullptr && next->kind() == old.kind();
  }

  [[nodiscard]] const role_spec* moved_from(const role_spec& role) const {
    for (const role_spec* old : now_.roles_of(role.kind()))
      if (old->name == role.name && wanted_.find_role(old->where()) == nullptr) return old;
    return nullptr;
  }
  [[nodiscard]] const role_spec* moved_to(const role_spec& old) const {
    for (const role_spec* role : wanted_.roles_of(old.kind()))
      if (role->name == old.name && now_.find_role(role->where()) == nullptr) return role;
    return nullptr;
  }

  void start(const role_spec& role) {
    std::vector<std::string> why;
    if (const role_spec* old = moved_from(role)) why.push_back("moves here from " + old->node);
    add(step_kind::start_role, role.where(), std::move(why), start_cost(role.kind()));
  }

  void change(const role_spec& role) {
    const role_spec* old = now_.find_role(role.where());
    if (old == nullptr) return;
    if (old->kind() != role.kind()) {
      plan_.refusals.push_back(role.where().text() + " is a " + config::name(old->kind()) + " and would become a " +
                               config::name(role.kind()) + "; give the new role another name");
      return;
    }
    auto why = differences(image_of(now_, *old), image_of(wanted_, role));
    if (why.empty()) return;
    for (const std::string& d : why) {
      const std::string key = d.substr(0, d.find(':'));
      for (const char* folder : {".state_dir", ".key_dir", ".trusted_keys"})
        if (key.size() > std::string_view(folder).size() &&
            key.compare(key.size() - std::string_view(folder).size(), std::string::npos, folder) == 0)
          plan_.refusals.push_back(role.where().text() + ": " + d +
                                   "; what it keeps would stay behind: stop the daemon, move the folder, start with the new file");
    }
    std::string cost = restart_cost(role.kind(), why);
    add(step_kind::restart_role, role.where(), std::move(why), std::move(cost));
  }

  void stop(const role_spec& role) {
    std::vector<std::string> why;
    if (const role_spec* next = moved_to(role)) why.push_back("moves to " + next->node);
    add(step_kind::stop_role, role.where(), std::move(why),
        role.kind() == role_kind::uplink_filter ? "sends what waits, as far as its time to stop allows" : "");
  }

  void judge_nodes() {
    for (const node_spec& node : wanted_.whole().nodes) {
      const node_spec* old = now_.find_node(node.name);
      if (old == nullptr) continue;
      for (const std::string& d : differences(image_of(now_.whole(), *old), image_of(wanted_.whole(), node)))
        refuse_restart("node " + node.name + ": " + d);
    }
    if (control_node(now_.whole()) != control_node(wanted_.whole()))
      refuse_restart("the node that decides on changes would become " + control_node(wanted_.whole()) + " instead of " +
                     control_node(now_.whole()));
  }

  void judge_moves() {
    for (const role_spec& role : now_.whole().roles) {
      if (!keeps_state(role.kind()) || kept(role)) continue;
      plan_.refusals.push_back(
          role.where().text() + " keeps its state in a folder of node " + role.node +
          " and cannot move while it runs; stop the daemon, move its folder, start with the new file");
    }
    // The cloud knows a device's samples by its number: begun anew elsewhere, they would be taken for old ones.
    std::map<std::uint32_t, const role_spec*> known;
    for (const role_spec* old : now_.roles_of(role_kind::device)) known.emplace(old->device.value, old);
    for (const role_spec* device : wanted_.roles_of(role_kind::device)) {
      const auto it = known.find(device->device.value);
      if (it == known.end() || it->second->where() == device->where()) continue;
      const role_spec* old = it->second;
      plan_.refusals.push_back("device " + std::to_string(device->device.value) + " is " + old->where().text() +
                                   " and would be " + device->where().text() +
                                   "; a device and its name stay together: give the new one another device_id");
    }
    if (!now_.roles_of(role_kind::bench).empty() || !wanted_.roles_of(role_kind::bench).empty())
      plan_.refusals.push_back("a bench drives the clock of this topology; it does not change while it runs");
  }

  void refuse_restart(std::string what) {
    plan_.refusals.push_back(std::move(what) +
                             "; this is taken in when a node starts: stop the daemon and start it with "
                             "the new file");
  }

  const graph_index now_;
  const graph_index wanted_;
  change_plan plan_;
  std::set<std::string> touched_;
};

}  // namespace

std::string_view name(step_kind kind) {
  switch (kind) {
    case step_kind::start_node:
      return "start node";
    case step_kind::start_role:
      return "start";
    case step_kind::restart_role:
      return "restart";
    case step_kind::stop_role:
      return "stop";
    case step_kind::stop_node:
      return "stop node";
  }
  return "";
}

std::string plan_step::text() const {
  return std::string(name(kind)) + " " + (where.role.empty() ? where.node : where.text());
}

change_plan plan_change(const graph& now, const graph& wanted) { return planner(now, wanted).make(); }

std::string control_node(const graph& g) {
  for (const role_kind kind : {role_kind::stats, role_kind::intake})
    for (const role_spec* role : g.roles_of(kind)) return role->node;
  return g.nodes.empty() ? "" : g.nodes.front().name;
}

}  // namespace freshet::topology

#include "topology/graph/validate.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "config/suggest.hpp"
#include "config/value.hpp"
#include "topology/graph/endpoint.hpp"
#include "topology/graph/links.hpp"

namespace freshet::topology {
namespace {

using config::text_literal;

std::string line_of(config::position at) { return at.line == 0 ? "" : " (line " + std::to_string(at.line) + ")"; }

void check_endpoint(const node_spec& node, const std::string& text, config::position at, config::problems& out) {
  const auto parsed = parse_endpoint(text);
  if (!parsed) {
    out.add(at, "nodes.listen", text_literal(text) + " " + parsed.err().context);
    return;
  }
  if (parsed->kind == endpoint_kind::ipc && parsed->where.size() > longest_ipc_path) {
    out.add(at, "nodes.listen",
            text_literal(text) + " has a path of " + std::to_string(parsed->where.size()) +
                " bytes; the system allows " + std::to_string(longest_ipc_path) + ": choose a shorter state_dir");
  }
  if (parsed->kind != endpoint_kind::tcp) return;
  const std::string with_key = "write the public_key that `freshet keys new " + node.name + "` prints on this node";
  if (node.public_key.empty() && !is_loopback(parsed->where)) {
    out.add(at, "nodes.listen",
            text_literal(text) + " is reachable from the network without encryption; " + with_key + ", or use ipc://PATH");
  } else if (node.public_key.empty() && !node.insecure) {
    out.add(at, "nodes.listen",
            text_literal(text) + " is not encrypted; " + with_key + ", or insecure = true to allow that on the loopback "
                           "interface, or use ipc://PATH");
  } else if (is_wildcard(parsed->where)) {
    out.add(at, "nodes.listen",
            text_literal(text) + " names no address that other nodes could connect to; write one that this host has");
  }
}

bool listens_on_tcp(const node_spec& node) {
  return std::any_of(node.listen.begin(), node.listen.end(), [](const std::string& text) {
    const auto parsed = parse_endpoint(text);
    return parsed && parsed->kind == endpoint_kind::tcp;
  });
}

void check_keys(const node_spec& node, std::map<std::string, const node_spec*>& owners, config::problems& out) {
  if (!node.public_key.empty()) {
    if (node.insecure)
      out.add(node.public_key_at, "nodes.public_key",
              "insecure = true says that nothing is encrypted; take one of the two out");
    if (!listens_on_tcp(node))
      out.add(node.public_key_at, "nodes.public_key",
              "node " + node.name + " listens on no tcp endpoint, so that nobody would ask for it; take it out");
    const auto [other, unused] = owners.emplace(node.public_key, &node);
    if (!unused)
      out.add(node.public_key_at, "nodes.public_key",
              "is that of node " + other->second->name + line_of(other->second->public_key_at) +
                  " too; give each node a key of its own");
  }
  if (node.enrol.empty()) return;
  const auto parsed = parse_endpoint(node.enrol);
  if (!parsed || parsed->kind != endpoint_kind::tcp) {
    out.add(node.enrol_at, "nodes.enrol",
            text_literal(node.enrol) + " " + (parsed ? "is no tcp endpoint; write tcp://HOST:PORT" : parsed.err().context));
  } else if (is_wildcard(parsed->where)) {
    out.add(node.enrol_at, "nodes.enrol",
            text_literal(node.enrol) + " names no address that devices could connect to; write one that this host has");
  }
  if (node.public_key.empty())
    out.add(node.enrol_at, "nodes.enrol",
            "a token must not travel in the clear; write the public_key that `freshet keys new " + node.name +
                "` prints on this node");
}

void check_nodes(const graph_index& g, bool complete, config::problems& out) {
  std::map<std::string, config::position> names;
  std::map<std::string, std::pair<std::string, config::position>> endpoints;
  std::map<std::string, const node_spec*> keys;
  for (const node_spec& node : g.whole().nodes) {
    if (node.name.empty()) continue;  // reported where it was read
    const auto [first, fresh] = names.emplace(node.name, node.name_at);
    if (!fresh)
      out.add(node.name_at, "nodes.name", text_literal(node.name) + " is taken" + line_of(first->second) +
                                              "; give each node a name of its own");
    if (is_console_name(node.name))
      out.add(node.name_at, "nodes.name",
              text_literal(node.name) + " begins with console-, as operators' consoles do; choose another name");
    check_keys(node, keys, out);
    if (!node.enrol.empty()) {
      const auto [other, unused] = endpoints.emplace(node.enrol, std::pair(node.name, node.enrol_at));
      if (!unused)
        out.add(node.enrol_at, "nodes.enrol",
                text_literal(node.enrol) + " is taken by node " + other->second.first + line_of(other->second.second) +
                    "; give it an endpoint of its own");
    }
    for (std::size_t i = 0; i < node.listen.size(); ++i) {
      check_endpoint(node, node.listen[i], node.listen_at[i], out);
      const auto [other, unused] = endpoints.emplace(node.listen[i], std::pair(node.name, node.listen_at[i]));
      if (!unused)
        out.add(node.listen_at[i], "nodes.listen",
                text_literal(node.listen[i]) + " is taken by node " + other->second.first + line_of(other->second.second) +
                    "; give each node an endpoint of its own");
    }
    if (complete && g.roles_on(node.name).empty())
      out.add(node.at, "nodes", "node " + node.name + " has no role; add [[roles]] with node = " + text_literal(node.name) +
                                    " or take the node out");
  }
}

void check_roles(const graph_index& g, config::problems& out) {
  std::vector<std::string> nodes;
  for (const node_spec& node : g.whole().nodes)
    if (!node.name.empty() && std::find(nodes.begin(), nodes.end(), node.name) == nodes.end()) nodes.push_back(node.name);
  std::map<address, config::position> names;
  std::map<std::uint32_t, const role_spec*> devices;
  for (const role_spec& role : g.whole().roles) {
    if (role.node.empty()) continue;  // reported where it was read
    if (g.find_node(role.node) == nullptr)
      out.add(role.node_at, "roles.node",
              text_literal(role.node) + " is no node of this file" +
                  (nodes.empty() ? "; add [[nodes]]" : config::advice(role.node, nodes)));
    const auto [first, fresh] = names.emplace(role.where(), role.name_at);
    if (!fresh)
      out.add(role.name_at, "roles.name",
              text_literal(role.name) + " is taken on node " + role.node + line_of(first->second) +
                  "; give it another name, or one entry and replicas = 2");
    for (const char* taken : {"port", "agent", "control"})
      if (role.name == taken)
        out.add(role.name_at, "roles.name",
                text_literal(role.name) + " is the name of what every node has itself; choose another");
    if (role.kind() == role_kind::device) {
      const auto [other, unused] = devices.emplace(role.device.value, &role);
      if (!unused)
        out.add(role.device_id_at, "roles.device_id",
                std::to_string(role.device.value) + " is the number of " + other->second->where().text() +
                    line_of(other->second->at) + " too; give each device a number of its own");
    } else if (!(role.device == device_id{})) {
      out.add(role.device_id_at, "roles.device_id", "only devices have a number; this is a " + config::name(role.kind()));
    }
  }
}

void check_counts(const graph_index& g, bool complete, config::problems& out) {
  struct bounds {
    role_kind kind;
    bool needed;
    bool single;
  };
  // One distiller is one line; more than one intake needs a journal that they share.
  for (const bounds b : {bounds{role_kind::device, true, false}, bounds{role_kind::intake, true, true},
                         bounds{role_kind::teacher, true, false}, bounds{role_kind::distiller, true, true},
                         bounds{role_kind::compressor, true, true}, bounds{role_kind::deployer, true, true},
                         bounds{role_kind::stats, false, true}, bounds{role_kind::bench, false, true}}) {
    const auto& found = g.roles_of(b.kind);
    const std::string& kind = config::name(b.kind);
    if (complete && b.needed && found.empty())
      out.add({}, "roles", "no " + kind + "; add [[roles]] with kind = " + text_literal(kind) +
                               (g.whole().drained.empty() ? "" : ", or let a drained node run again (drained)"));
    for (std::size_t i = 1; b.single && i < found.size(); ++i)
      out.add(found[i]->at, "roles",
              "a second " + kind + ", " + found[i]->where().text() + "; there must be one only" +
                  line_of(found.front()->at));
  }
}

void check_state_dirs(const graph& g, config::problems& out) {
  std::map<std::string, const role_spec*> owners;
  for (const role_spec& role : g.roles) {
    const std::string* own = nullptr;
    if (const auto* device = std::get_if<config::device_settings>(&role.settings)) own = &device->state_dir;
    if (const auto* filter = std::get_if<config::uplink_filter_settings>(&role.settings)) own = &filter->state_dir;
    if (const auto* intake = std::get_if<config::intake_settings>(&role.settings)) own = &intake->state_dir;
    if (const auto* distiller = std::get_if<config::distiller_settings>(&role.settings)) own = &distiller->state_dir;
    if (const auto* deployer = std::get_if<config::deployer_settings>(&role.settings)) own = &deployer->state_dir;
    if (own == nullptr || role.node.empty()) continue;
    const auto [other, unused] = owners.emplace(*own, &role);
    // Roles of one name are reported as that, once.
    if (!unused && other->second->where() != role.where())
      out.add(role.at, "roles.settings.state_dir",
              text_literal(*own) + " is the folder of " + other->second->where().text() + line_of(other->second->at) +
                  " too; leave state_dir out, or give each role a folder of its own");
  }
}

void check_filters(const graph_index& g, bool complete, config::problems& out) {
  std::set<std::string> judged;
  for (const role_spec& role : g.whole().roles) {
    const bool edge = role.kind() == role_kind::device || role.kind() == role_kind::uplink_filter;
    if (!edge || role.node.empty() || !judged.insert(role.node).second) continue;
    std::size_t devices = 0;
    std::size_t filters = 0;
    for (const role_spec* other : g.roles_on(role.node)) {
      devices += other->kind() == role_kind::device ? 1 : 0;
      filters += other->kind() == role_kind::uplink_filter ? 1 : 0;
    }
    if (complete && filters == 0)
      out.add(role.at, "roles", "node " + role.node + " has a device and no uplink_filter; add [[roles]] with kind = "
                                "\"uplink_filter\" and node = " + text_literal(role.node));
    if (complete && devices == 0)
      out.add(role.at, "roles", "node " + role.node + " has an uplink_filter and no device; a filter stands beside "
                                "its device");
    if (devices > 0 && filters > 1 && filters != devices)
      out.add(role.at, "roles", "node " + role.node + " has " + std::to_string(devices) + " devices and " +
                                    std::to_string(filters) + " uplink_filters; have one for all or one for each");
  }
}

/// What a tower that learns makes of a picture, no other tower makes.
void check_features(const graph_index& g, config::problems& out) {
  const auto& distillers = g.roles_of(role_kind::distiller);
  if (distillers.empty() || !std::get<config::distiller_settings>(distillers.front()->settings).train_vision) return;
  for (const role_spec* filter : g.roles_of(role_kind::uplink_filter)) {
    const auto& settings = std::get<config::uplink_filter_settings>(filter->settings);
    if (!settings.may_send_features()) continue;
    out.add(filter->at, "roles.settings.format",
            text_literal(settings.format) + " sends what a vision tower makes of pictures, which the teacher can only read where the "
                                   "student's tower stays as it is: distiller.train_vision = false is right, or format = \"dct\" or "
                                   "\"patches\"");
    return;  // most often a setting of all filters
  }
}

void check_reach(const graph_index& g, config::problems& out) {
  std::set<std::pair<std::string, std::string>> judged;
  for (const link& l : links_of(g)) {
    if (l.from.node == l.to.node) continue;
    const node_spec* from = g.find_node(l.from.node);
    const node_spec* to = g.find_node(l.to.node);
    if (from == nullptr || to == nullptr || !from->listen.empty() || !to->listen.empty()) continue;
    const bool forward = from < to;  // both in g.whole().nodes: the order of the file
    if (!judged.insert(forward ? std::pair(from->name, to->name) : std::pair(to->name, from->name)).second) continue;
    const node_spec* first = forward ? from : to;
    out.add(first->at, "nodes",
            "nodes " + first->name + " and " + (forward ? to : from)->name + " must reach each other (" +
                l.from.text() + " sends to " + l.to.text() + ") and neither listens; write listen = [\"ipc://" +
                first->name + ".sock\"]");
  }
}

}  // namespace

void validate(const graph& g, bool complete, config::problems& out) {
  if (complete && g.nodes.empty() && g.roles.empty()) {
    out.add({}, "", "no nodes and no roles; `freshet config example` prints a file to begin with");
    return;
  }
  const graph_index index(g);
  check_nodes(index, complete, out);
  check_roles(index, out);
  check_counts(index, complete, out);
  check_state_dirs(g, out);
  check_filters(index, complete, out);
  check_features(index, out);
  if (complete) check_reach(index, out);
}

}  // namespace freshet::topology

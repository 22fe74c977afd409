#include "topology/graph/links.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace freshet::topology {
namespace {

struct rule {
  role_kind from;
  role_kind to;
};

/// Device to filter is not here: it is by node. Stats is not either: everyone reports.
constexpr std::array<rule, 13> rules{{
    {role_kind::uplink_filter, role_kind::intake},
    {role_kind::intake, role_kind::teacher},
    {role_kind::teacher, role_kind::distiller},
    {role_kind::distiller, role_kind::intake},       // leases that are consumed
    {role_kind::distiller, role_kind::compressor},
    {role_kind::compressor, role_kind::distiller},
    {role_kind::distiller, role_kind::deployer},
    {role_kind::deployer, role_kind::device},
    {role_kind::deployer, role_kind::distiller},     // back to the last good version
    {role_kind::device, role_kind::deployer},        // reports and requests for chunks
    {role_kind::bench, role_kind::device},
    {role_kind::device, role_kind::bench},
    {role_kind::distiller, role_kind::bench},
}};

bool sends(role_kind from, role_kind to) {
  if (to == role_kind::stats) return from != role_kind::stats;
  return std::any_of(rules.begin(), rules.end(), [&](const rule& r) { return r.from == from && r.to == to; });
}

std::size_t order_of(const graph& g, std::string_view node) {
  for (std::size_t i = 0; i < g.nodes.size(); ++i)
    if (g.nodes[i].name == node) return i;
  return g.nodes.size();
}

}  // namespace

const role_spec* filter_of(const graph& g, const role_spec& device) {
  std::vector<const role_spec*> devices;
  std::vector<const role_spec*> filters;
  for (const role_spec* role : g.roles_on(device.node)) {
    if (role->kind() == role_kind::device) devices.push_back(role);
    if (role->kind() == role_kind::uplink_filter) filters.push_back(role);
  }
  if (filters.size() == 1) return filters.front();
  if (filters.size() != devices.size()) return nullptr;
  for (std::size_t i = 0; i < devices.size(); ++i)
    if (devices[i]->name == device.name) return filters[i];
  return nullptr;
}

std::vector<address> targets(const graph& g, const role_spec& from, role_kind to) {
  std::vector<address> found;
  if (from.kind() == role_kind::device && to == role_kind::uplink_filter) {
    if (const role_spec* filter = filter_of(g, from)) found.push_back(filter->where());
    return found;
  }
  if (!sends(from.kind(), to)) return found;
  for (const role_spec* role : g.roles_of(to)) found.push_back(role->where());
  return found;
}

std::vector<link> links_of(const graph& g) {
  std::vector<link> links;
  for (const role_spec& from : g.roles)
    for (std::size_t kind = 0; kind < config::role_kinds().size(); ++kind)
      for (address& to : targets(g, from, static_cast<role_kind>(kind))) links.push_back({from.where(), std::move(to)});
  return links;
}

std::map<std::string, std::string> peers_of(const graph& g, std::string_view node) {
  std::set<std::string> linked;
  for (const link& l : links_of(g)) {
    if (l.from.node == node && l.to.node != node) linked.insert(l.to.node);
    if (l.to.node == node && l.from.node != node) linked.insert(l.from.node);
  }
  std::map<std::string, std::string> peers;
  const node_spec* self = g.find_node(node);
  if (self == nullptr) return peers;
  for (const std::string& name : linked) {
    const node_spec* other = g.find_node(name);
    if (other == nullptr || other->listen.empty()) continue;
    if (self->listen.empty() || order_of(g, name) < order_of(g, node)) peers[name] = other->listen.front();
  }
  return peers;
}

}  // namespace freshet::topology

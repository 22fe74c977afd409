#include "topology/graph/links.hpp"

#include <algorithm>
#include <array>
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

}  // namespace

const role_spec* filter_of(const graph_index& g, const role_spec& device) {
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

std::vector<address> targets(const graph_index& g, const role_spec& from, role_kind to) {
  std::vector<address> found;
  if (from.kind() == role_kind::device && to == role_kind::uplink_filter) {
    if (const role_spec* filter = filter_of(g, from)) found.push_back(filter->where());
    return found;
  }
  if (!sends(from.kind(), to)) return found;
  for (const role_spec* role : g.roles_of(to)) found.push_back(role->where());
  return found;
}

std::vector<link> links_of(const graph_index& g) {
  std::vector<link> links;
  for (const role_spec& from : g.whole().roles)
    for (std::size_t kind = 0; kind < config::role_kinds().size(); ++kind)
      for (address& to : targets(g, from, static_cast<role_kind>(kind))) links.push_back({from.where(), std::move(to)});
  return links;
}

std::map<std::string, std::map<std::string, std::string>> all_peers(const graph_index& g) {
  std::map<std::string, std::map<std::string, std::string>> peers;
  // Nodes lie in one row, in the order of the file.
  const auto dials = [&](const node_spec* self, const node_spec* other) {
    if (!other->listen.empty() && (self->listen.empty() || other < self)) peers[self->name][other->name] = other->listen.front();
  };
  for (const link& l : links_of(g)) {
    const node_spec* from = g.find_node(l.from.node);
    const node_spec* to = g.find_node(l.to.node);
    if (from == to || from == nullptr || to == nullptr) continue;
    dials(from, to);
    dials(to, from);
  }
  return peers;
}

const role_spec* filter_of(const graph& g, const role_spec& device) { return filter_of(graph_index(g), device); }

std::vector<link> links_of(const graph& g) { return links_of(graph_index(g)); }

std::map<std::string, std::string> peers_of(const graph& g, std::string_view node) {
  auto all = all_peers(graph_index(g));
  const auto it = all.find(std::string(node));
  return it == all.end() ? std::map<std::string, std::string>() : std::move(it->second);
}

bool features_travel(const graph& g) {
  return std::any_of(g.roles.begin(), g.roles.end(), [](const role_spec& role) {
    const auto* filter = std::get_if<config::uplink_filter_settings>(&role.settings);
    return filter != nullptr && filter->may_send_features();
  });
}

}  // namespace freshet::topology

#include "topology/graph/index.hpp"

namespace freshet::topology {
namespace {

const std::vector<const role_spec*> nobody;

}  // namespace

graph_index::graph_index(const graph& g) : graph_(g), kinds_(config::role_kinds().size()) {
  for (const node_spec& node : g.nodes) nodes_.emplace(node.name, &node);
  for (const role_spec& role : g.roles) {
    household& home = households_[role.node];
    home.roles.push_back(&role);
    home.by_name.emplace(role.name, &role);
    kinds_[static_cast<std::size_t>(role.kind())].push_back(&role);
  }
}

const node_spec* graph_index::find_node(std::string_view name) const {
  const auto it = nodes_.find(name);
  return it == nodes_.end() ? nullptr : it->second;
}

const role_spec* graph_index::find_role(const address& where) const {
  const auto home = households_.find(where.node);
  if (home == households_.end()) return nullptr;
  const auto it = home->second.by_name.find(where.role);
  return it == home->second.by_name.end() ? nullptr : it->second;
}

const std::vector<const role_spec*>& graph_index::roles_on(std::string_view node) const {
  const auto it = households_.find(node);
  return it == households_.end() ? nobody : it->second.roles;
}

const std::vector<const role_spec*>& graph_index::roles_of(role_kind kind) const {
  return kinds_[static_cast<std::size_t>(kind)];
}

}  // namespace freshet::topology

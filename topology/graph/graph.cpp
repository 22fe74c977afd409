#include "topology/graph/graph.hpp"

namespace freshet::topology {

const node_spec* graph::find_node(std::string_view name) const {
  for (const node_spec& node : nodes)
    if (node.name == name) return &node;
  return nullptr;
}

const role_spec* graph::find_role(const address& where) const {
  for (const role_spec& role : roles)
    if (role.node == where.node && role.name == where.role) return &role;
  return nullptr;
}

std::vector<const role_spec*> graph::roles_on(std::string_view node) const {
  std::vector<const role_spec*> found;
  for (const role_spec& role : roles)
    if (role.node == node) found.push_back(&role);
  return found;
}

std::vector<const role_spec*> graph::roles_of(role_kind kind) const {
  std::vector<const role_spec*> found;
  for (const role_spec& role : roles)
    if (role.kind() == kind) found.push_back(&role);
  return found;
}

std::optional<address> graph::stats() const {
  const auto found = roles_of(role_kind::stats);
  if (found.empty()) return std::nullopt;
  return found.front()->where();
}

std::string state_dir_of(const std::string& state_dir, const address& role) {
  return state_dir + "/" + role.node + "/" + role.role;
}

}  // namespace freshet::topology

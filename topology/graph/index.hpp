// A graph with tables beside it: who runs where, by kind and by name, without a walk over all of it for each
// question. For whoever asks about every role of a large graph.
// Thread contract: read only; the graph must stay as it is while the index lives.
#pragma once

#include "topology/graph/graph.hpp"

#include <string_view>
#include <unordered_map>
#include <vector>

namespace freshet::topology {

class graph_index {
 public:
  explicit graph_index(const graph& g);
  explicit graph_index(graph&&) = delete;

  [[nodiscard]] const graph& whole() const { return graph_; }
  [[nodiscard]] const node_spec* find_node(std::string_view name) const;
  [[nodiscard]] const role_spec* find_role(const address& where) const;
  /// Both in the order of the file.
  [[nodiscard]] const std::vector<const role_spec*>& roles_on(std::string_view node) const;
  [[nodiscard]] const std::vector<const role_spec*>& roles_of(role_kind kind) const;

 private:
  struct household {
    std::vector<const role_spec*> roles;
    std::unordered_map<std::string_view, const role_spec*> by_name;   ///< the first of each name
  };
  const graph& graph_;
  std::unordered_map<std::string_view, const node_spec*> nodes_;
  std::unordered_map<std::string_view, household> households_;
  std::vector<std::vector<const role_spec*>> kinds_;
};

}  // namespace freshet::topology

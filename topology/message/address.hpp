// Who sends and who receives: a role on a node, written "node/role" ("cloud/teacher").
#pragma once

#include <string>
#include <string_view>

#include "kernels/base/fields.hpp"

namespace freshet::topology {

// Lets argument-dependent lookup find the equality of field lists for messages inside variants,
// vectors and tuples too.
using freshet::operator==;
using freshet::operator!=;

/// Consoles of operators are nodes of no topology; their names begin so, and no other's may.
inline constexpr std::string_view console_prefix = "console-";
[[nodiscard]] inline bool is_console_name(std::string_view node) {
  return node.substr(0, console_prefix.size()) == console_prefix;
}

struct address {
  std::string node;
  std::string role;
  FRESHET_FIELDS(node, role)

  [[nodiscard]] std::string text() const { return node + "/" + role; }
  friend bool operator<(const address& a, const address& b) { return a.tie() < b.tie(); }
};

}  // namespace freshet::topology

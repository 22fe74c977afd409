// The policies that `freshet bench adapt` compares: each is a small piece of configuration on top of
// the defaults, nothing else. `freshet` has none: it is what users get.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.hpp"

namespace freshet::cli {

struct policy {
  std::string_view name;
  std::string_view prose;
  std::string toml;        ///< tables of settings that differ from the defaults
  bool only_by_name = false;  ///< for some pairs, or for a question of its own: not among those that are compared unasked
};

/// In the order of the table.
[[nodiscard]] const std::vector<policy>& policies();
/// An unknown name is an error that lists the known ones.
result<policy> find_policy(std::string_view name);

}  // namespace freshet::cli

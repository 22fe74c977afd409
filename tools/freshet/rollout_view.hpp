// The state of a roll-out as lines for people. Pure function.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace freshet::cli {

/// The deployer's answer to "versions" (docs/rollouts.md).
[[nodiscard]] std::vector<std::string> rollout_lines(const nlohmann::json& versions);

}  // namespace freshet::cli

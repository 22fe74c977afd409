// A fleet's devices one by one, as a table for people and as JSON for programs.
// Pure functions of what a stats document says.
#pragma once

#include "tools/freshet/progress.hpp"

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace freshet::cli {

/// Which devices, and in which order.
struct device_choice {
  bool silent_only = false;
  bool behind_only = false;   ///< not on the version that they should have
  std::string sort = "number";
};
/// Names for `sort`; empty when the text is one of them, or else what would be right.
[[nodiscard]] std::string sort_problem(const std::string& text);

[[nodiscard]] std::vector<device_progress> chosen_devices(const fleet_progress& fleet, const device_choice& choice);

/// {"desired_version", "devices": [{"number", "device", "node", "silent", "phase", "version", "behind",
/// "answers_per_second", "answered", "skipped", "accuracy", "twin_accuracy"}]}: what is not known is null.
[[nodiscard]] nlohmann::json devices_json(const fleet_progress& fleet, const device_choice& choice);

/// A heading, a line a device, and a line that counts them.
[[nodiscard]] std::vector<std::string> device_lines(const fleet_progress& fleet, const device_choice& choice);

}  // namespace freshet::cli

// The stats document (stats_document.md) as what each role last said. What is odd in it is left out.
// Thread contract: pure functions of their arguments.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace freshet::cli {

struct role_figures {
  std::string node;
  std::string role;
  std::uint64_t age_ms = 0;
  bool silent = false;   ///< has not reported for a while
  nlohmann::json stats;  ///< an object
};

[[nodiscard]] std::vector<role_figures> read_figures(std::string_view document);

}  // namespace freshet::cli

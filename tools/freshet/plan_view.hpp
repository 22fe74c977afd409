// Plans and revisions as lines for people.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace freshet::cli {

/// The answer to "plan": numbered steps with reasons and costs, or what stands against them.
[[nodiscard]] std::vector<std::string> plan_lines(const nlohmann::json& plan);
/// The answer to "history": a revision a paragraph, the newest first.
[[nodiscard]] std::vector<std::string> history_lines(const nlohmann::json& history);
/// "2026-11-25 16:20:01" UTC.
[[nodiscard]] std::string utc_text(std::int64_t unix_ms);

}  // namespace freshet::cli

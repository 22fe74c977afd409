// Plans and revisions as JSON, for operators: what the --json of freshet plan, apply and history prints.
#pragma once

#include "actors/control/revision_store.hpp"
#include "topology/graph/plan.hpp"

#include <cstddef>

#include <nlohmann/json.hpp>

namespace freshet::actors {

/// {"steps": [{"do", "where", "why": [], "cost"}], "refusals": [], "nodes": []}
[[nodiscard]] nlohmann::json to_json(const topology::change_plan& plan);
inline constexpr std::size_t every_step = static_cast<std::size_t>(-1);
/// Everything but the document itself. Of its steps the first `most`; "more_steps" says how many are left out.
[[nodiscard]] nlohmann::json to_json(const revision& r, std::size_t most);

}  // namespace freshet::actors

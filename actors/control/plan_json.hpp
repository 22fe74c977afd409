// Plans and revisions as JSON, for operators: what the --json of freshet plan, apply and history prints.
#pragma once

#include "actors/control/revision_store.hpp"
#include "topology/graph/plan.hpp"

#include <nlohmann/json.hpp>

namespace freshet::actors {

/// {"steps": [{"do", "where", "why": [], "cost"}], "refusals": [], "nodes": []}
[[nodiscard]] nlohmann::json to_json(const topology::change_plan& plan);
/// Everything but the document itself.
[[nodiscard]] nlohmann::json to_json(const revision& r);

}  // namespace freshet::actors

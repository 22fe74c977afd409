#include "actors/control/plan_json.hpp"

#include <string>

namespace freshet::actors {

using nlohmann::json;

json to_json(const topology::change_plan& plan) {
  json steps = json::array();
  for (const auto& s : plan.steps)
    steps.push_back({{"do", std::string(topology::name(s.kind))},
                     {"where", s.where.role.empty() ? s.where.node : s.where.text()},
                     {"why", s.why},
                     {"cost", s.cost}});
  return {{"steps", std::move(steps)}, {"refusals", plan.refusals}, {"nodes", plan.nodes}};
}

json to_json(const revision& r) {
  json steps = json::parse(r.steps_json, nullptr, false);
  if (!steps.is_array()) steps = json::array();
  return {{"revision", r.number},       {"at_unix_ms", r.at_unix_ms}, {"who", r.who},   {"file", r.file},
          {"from_start", r.from_start}, {"state", name(r.state)},     {"note", r.note}, {"steps", std::move(steps)}};
}

}  // namespace freshet::actors

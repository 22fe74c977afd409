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

json to_json(const revision& r, std::size_t most) {
  json steps = most == 0 ? json::array() : json::parse(r.steps_json, nullptr, false);
  if (!steps.is_array()) steps = json::array();
  const std::size_t left_out = steps.size() > most ? steps.size() - most : 0;
  if (left_out > 0) steps.erase(steps.end() - static_cast<std::ptrdiff_t>(left_out), steps.end());
  json out{{"revision", r.number},       {"at_unix_ms", r.at_unix_ms}, {"who", r.who},   {"file", r.file},
          {"from_start", r.from_start}, {"state", name(r.state)},     {"note", r.note}, {"steps", std::move(steps)}};
  if (left_out > 0) out["more_steps"] = left_out;
  return out;
}

}  // namespace freshet::actors

#include "actors/deployer/rollout_view.hpp"

#include <string>

namespace freshet::actors {
namespace {

using nlohmann::json;
namespace gates = freshet::rollout;

constexpr double two_sided_95 = 1.959964;
constexpr std::size_t most_listed = 2000;  // what an answer holds

json side_of(const gates::tally& t) {
  json out{{"asked", t.asked}, {"agreed", t.agreed}};
  out["share"] = t.asked == 0 ? json() : json(t.share());
  return out;
}

json gate_of(const gates::agreement_gate& gate) {
  json domains = json::array();
  for (const auto& [name, s] : gate.domains()) {
    const gates::interval loss = gates::loss_bounds(s, two_sided_95);
    domains.push_back({{"domain", name},
                       {"trial", side_of(s.trial)},
                       {"control", side_of(s.control)},
                       {"loss_low", loss.low},
                       {"loss_high", loss.high}});
  }
  const auto suspicion = gate.suspicion();
  return {{"trial", side_of(gate.total(gates::side::trial))},
          {"control", side_of(gate.total(gates::side::control))},
          {"domains", std::move(domains)},
          {"suspicion", suspicion ? json(*suspicion) : json()}};
}

}  // namespace

json view_of(const rollout_machine& rollout, const std::map<device_id, viewed_device>& devices, time_point now) {
  json out{{"step", name(rollout.step())},
           {"step_seconds", std::chrono::duration<double>(now - rollout.since()).count()},
           {"good", json::array()},
           {"bad", json::array()},
           {"devices", json::array()},
           {"rollbacks", rollout.rollbacks()},
           {"failed_rollbacks", rollout.failed_rollbacks()}};
  for (const version_place& v : rollout.goods()) out["good"].push_back(v.number.value);
  out["trial"] = rollout.trial() ? json(rollout.trial()->number.value) : json();
  out["leading"] = rollout.knows_good() ? json(rollout.leading().number.value) : json();
  for (const bad_version& b : rollout.bad()) out["bad"].push_back({{"version", b.what.number.value}, {"why", b.why}});
  out["devices_left_out"] = devices.size() > most_listed ? devices.size() - most_listed : 0;
  for (const auto& [id, d] : devices) {
    if (out["devices"].size() >= most_listed) break;
    json one{{"device", id.value}, {"version", d.active.number.value}, {"alive", d.alive}};
    one["wanted"] = rollout.knows_good() && !d.foreign ? json(rollout.desired(id).number.value) : json();
    one["converged"] = rollout.knows_good() && !d.foreign && d.active == rollout.desired(id);
    one["in_wave"] = rollout.members().count(id) != 0;
    one["pinned"] = rollout.pins().count(id) != 0;
    one["failure"] = d.failure;
    out["devices"].push_back(std::move(one));
  }
  out["gate"] = rollout.trial() ? gate_of(rollout.gate()) : json();
  if (const auto& last = rollout.last()) {
    out["last_rollback"] = {
        {"from", last->from.number.value}, {"to", last->to.number.value}, {"why", last->why},
        {"state", name(last->state)},      {"failure", last->failure},    {"devices", last->reached}};
  } else {
    out["last_rollback"] = json();
  }
  return out;
}

}  // namespace freshet::actors

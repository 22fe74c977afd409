#include "tools/freshet/rollout_view.hpp"

#include <cstdio>
#include <map>

namespace freshet::cli {
namespace {

using nlohmann::json;

const json& field(const json& j, const char* key) {
  static const json none;
  const auto it = j.is_object() ? j.find(key) : j.end();
  return j.is_object() && it != j.end() ? *it : none;
}
std::string text(const json& j) { return j.is_string() ? j.get<std::string>() : j.is_null() ? "-" : j.dump(); }
bool is_true(const json& j) { return j.is_boolean() && j.get<bool>(); }

std::string share(const json& side) {
  const json& s = field(side, "share");
  if (!s.is_number()) return "      - of 0";
  char out[64];
  std::snprintf(out, sizeof out, "%5.1f %% of %s", 100 * s.get<double>(), text(field(side, "asked")).c_str());
  return out;
}

std::string signed_per_cent(const json& x) {
  char out[32];
  std::snprintf(out, sizeof out, "%+.0f", x.is_number() ? -100 * x.get<double>() : 0.0);
  return out;
}

void add_gate(const json& gate, std::vector<std::string>& out) {
  if (!gate.is_object()) return;
  out.push_back("agreement with the teacher on random probes: under trial | before | difference, 95 % sure");
  for (const json& d : field(gate, "domains")) {
    const std::string name = text(field(d, "domain"));
    out.push_back("  " + (name.empty() ? std::string("(domain not known)") : name) + ": " + share(field(d, "trial")) +
                  " | " + share(field(d, "control")) + " | " + signed_per_cent(field(d, "loss_high")) + " to " +
                  signed_per_cent(field(d, "loss_low")) + " points");
  }
  if (field(gate, "suspicion").is_string()) out.push_back("  in doubt: " + text(field(gate, "suspicion")));
}

}  // namespace

std::vector<std::string> rollout_lines(const json& versions) {
  std::vector<std::string> out;
  std::string good;
  for (const json& v : field(versions, "good")) good += (good.empty() ? "" : ", ") + text(v);
  out.push_back("good versions: " + (good.empty() ? "none yet" : good));
  const json& seconds = field(versions, "step_seconds");
  std::string step = "step: " + text(field(versions, "step"));
  if (field(versions, "trial").is_number()) step += ", version " + text(field(versions, "trial")) + " under trial";
  if (seconds.is_number()) step += ", for " + std::to_string(seconds.get<std::int64_t>()) + " s";
  out.push_back(step);
  add_gate(field(versions, "gate"), out);

  std::size_t converged = 0;
  std::map<std::string, std::string> on;
  std::vector<std::string> odd;
  const json& devices = field(versions, "devices");
  for (const json& d : devices) {
    const std::string id = text(field(d, "device"));
    converged += is_true(field(d, "converged")) ? 1 : 0;
    on[text(field(d, "version"))] += " " + id +
                                     (is_true(field(d, "pinned"))    ? "(pinned)"
                                      : is_true(field(d, "in_wave")) ? "*"
                                                                     : "");
    if (!is_true(field(d, "alive"))) odd.push_back("  device " + id + " is silent");
    if (!text(field(d, "failure")).empty() && field(d, "failure").is_string())
      odd.push_back("  device " + id + ": " + text(field(d, "failure")));
  }
  out.push_back("devices: " + std::to_string(devices.size()) + ", " + std::to_string(converged) +
                " where they should be (* in the wave)");
  for (const auto& [version, who] : on) out.push_back("  version " + version + ":" + who);
  out.insert(out.end(), odd.begin(), odd.end());
  for (const json& b : field(versions, "bad"))
    out.push_back("bad: version " + text(field(b, "version")) + ": " + text(field(b, "why")));
  const json& last = field(versions, "last_rollback");
  if (last.is_object()) {
    out.push_back("last rollback: from " + text(field(last, "from")) + " to " + text(field(last, "to")) + ", " +
                  text(field(last, "state")) + ": " + text(field(last, "why")));
    if (!text(field(last, "failure")).empty()) out.push_back("  " + text(field(last, "failure")));
  }
  return out;
}

}  // namespace freshet::cli

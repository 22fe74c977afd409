#include "tools/freshet/console/live_model.hpp"

#include "actors/stats/figures.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace freshet::cli {

using actors::number_in;
using actors::object_in;
using actors::text_in;
using nlohmann::json;

namespace {

std::string node_of(const std::string& role) { return role.substr(0, role.find('/')); }

std::uint64_t number_of(const std::string& key) {
  std::uint64_t n = 0;
  std::from_chars(key.data(), key.data() + key.size(), n);
  return n;
}

/// Entries under their numbers, oldest first.
std::vector<std::pair<std::uint64_t, const json*>> in_order(const json& numbered) {
  std::vector<std::pair<std::uint64_t, const json*>> all;
  for (const auto& [key, value] : numbered.items())
    if (value.is_object()) all.emplace_back(number_of(key), &value);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return all;
}

live_role role_of(const std::string& name, const json& r, const json& nodes) {
  live_role role;
  role.name = name;
  role.kind = text_in(r, "kind").value_or("");
  role.state = text_in(r, "state").value_or("missing");
  role.own = object_in(r, "own");
  for (const auto& [key, into] :
       std::initializer_list<std::pair<const char*, maybe*>>{{"uptime_s", &role.uptime_s},
                                                             {"restarts", &role.restarts},
                                                             {"mailbox", &role.mailbox},
                                                             {"in_per_s", &role.in_per_s},
                                                             {"out_per_s", &role.out_per_s},
                                                             {"busy", &role.busy},
                                                             {"wait_p50_us", &role.wait_p50_us},
                                                             {"wait_p99_us", &role.wait_p99_us},
                                                             {"service_p50_us", &role.service_p50_us},
                                                             {"service_p99_us", &role.service_p99_us},
                                                             {"slice_p99_us", &role.slice_p99_us}})
    *into = number_in(r, key);
  role.resident_bytes = number_in(object_in(nodes, node_of(name).c_str()), "resident_bytes");
  return role;
}

/// Ways up: from devices to filters, and on from there.
struct uplinks {
  std::map<std::string, std::string> filter_of;   ///< by device
  std::map<std::string, std::size_t> devices_of;  ///< by filter
  std::map<std::string, const json*> way_on;      ///< link to the intake, by filter
};

uplinks uplinks_of(const json& links, const std::vector<live_role>& roles) {
  std::map<std::string, std::string> kinds;
  for (const live_role& r : roles) kinds[r.name] = r.kind;
  uplinks up;
  for (const json& link : links) {
    const auto from = text_in(link, "from");
    const auto to = text_in(link, "to");
    if (!from || !to) continue;
    if (kinds[*from] == "device" && kinds[*to] == "uplink_filter") {
      up.filter_of[*from] = *to;
      ++up.devices_of[*to];
    }
    if (kinds[*from] == "uplink_filter" && kinds[*to] == "intake") up.way_on[*from] = &link;
  }
  return up;
}

live_device device_of(const live_role& role, const live_model& model, const uplinks& up) {
  live_device d;
  d.name = role.name;
  d.state = role.state;
  d.phase = text_in(role.own, "phase").value_or("");
  d.version = number_in(role.own, "version");
  if (d.version && model.desired_version) d.lag = std::max(0.0, *model.desired_version - *d.version);
  d.answers_per_s = number_in(role.own, "answers_per_second");
  d.answered = number_in(role.own, "answered");
  const auto scored = number_in(role.own, "window_scored");
  if (scored && *scored > 0) {
    if (const auto right = number_in(role.own, "window_correct")) d.accuracy = *right / *scored;
    const auto twin = role.own.find("twin");
    const auto right = number_in(role.own, "window_twin_correct");
    if (twin != role.own.end() && *twin == true && right) d.twin_accuracy = *right / *scored;
  }
  const auto filter = up.filter_of.find(role.name);
  if (filter == up.filter_of.end() || up.devices_of.at(filter->second) != 1) return d;
  const auto link = up.way_on.find(filter->second);
  if (link == up.way_on.end()) return d;
  d.uplink_bytes = number_in(*link->second, "bytes");
  d.uplink_bytes_per_s = number_in(*link->second, "bytes_per_s");
  return d;
}

}  // namespace

std::vector<const live_role*> live_model::of(const std::string& kind) const {
  std::vector<const live_role*> all;
  for (const live_role& r : roles)
    if (r.kind == kind) all.push_back(&r);
  return all;
}

live_model read_live(const json& document) {
  live_model m;
  m.uptime_s = number_in(document, "uptime_s").value_or(0);
  const json& fleet = object_in(document, "fleet");
  const json& traffic = object_in(document, "traffic");
  for (const auto& [from, key, into] : std::initializer_list<std::tuple<const json*, const char*, maybe*>>{
           {&fleet, "accuracy", &m.accuracy},
           {&fleet, "twin_accuracy", &m.twin_accuracy},
           {&fleet, "accuracy_since_start", &m.accuracy_since_start},
           {&fleet, "twin_accuracy_since_start", &m.twin_accuracy_since_start},
           {&fleet, "answers_per_s", &m.answers_per_s},
           {&fleet, "answered", &m.answered},
           {&fleet, "version_low", &m.version_low},
           {&fleet, "version_high", &m.version_high},
           {&fleet, "desired_version", &m.desired_version},
           {&traffic, "uplink_bytes", &m.uplink_bytes},
           {&traffic, "uplink_bytes_per_s", &m.uplink_bytes_per_s},
           {&traffic, "uplink_bytes_per_sample", &m.uplink_bytes_per_sample},
           {&traffic, "uplink_budget_bytes_per_sample", &m.uplink_budget_bytes_per_sample},
           {&traffic, "downlink_bytes", &m.downlink_bytes},
           {&traffic, "downlink_bytes_per_s", &m.downlink_bytes_per_s},
           {&traffic, "refresh_bytes", &m.refresh_bytes},
           {&traffic, "refresh_budget_bytes", &m.refresh_budget_bytes},
           {&traffic, "refresh_whole_bytes", &m.refresh_whole_bytes}})
    *into = number_in(*from, key);
  for (const auto& [phase, n] : object_in(fleet, "phases").items())
    if (n.is_number()) m.phases.emplace_back(phase, n.get<double>());
  std::stable_sort(m.phases.begin(), m.phases.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  const json& nodes = object_in(document, "nodes");
  for (const auto& [name, r] : object_in(document, "roles").items()) {
    live_role role = role_of(name, r, nodes);
    if (role.kind != "port") m.roles.push_back(std::move(role));
  }
  const uplinks up = uplinks_of(object_in(document, "links"), m.roles);
  for (const live_role* role : m.of("device")) m.devices.push_back(device_of(*role, m, up));
  for (const auto& [pair, f] : object_in(document, "flow").items())
    m.flow[pair] = {number_in(f, "bytes_per_s"), number_in(f, "messages_per_s"), number_in(f, "bytes"),
                    number_in(f, "queued"), number_in(f, "in_flight")};
  for (const auto& [number, e] : in_order(object_in(document, "events")))
    m.events.push_back({number, number_in(*e, "t_s").value_or(0), text_in(*e, "level").value_or("info"),
                        text_in(*e, "where").value_or(""), text_in(*e, "text").value_or("")});
  std::reverse(m.events.begin(), m.events.end());
  for (const auto& [number, p] : in_order(object_in(document, "course")))
    m.course.push_back({number_in(*p, "t_s").value_or(0), number_in(*p, "adapting"), number_in(*p, "frozen"),
                        text_in(*p, "phase").value_or("")});
  return m;
}

}  // namespace freshet::cli

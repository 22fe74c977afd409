#include "actors/stats/live_document.hpp"

#include "actors/rt/latency_meter.hpp"
#include "actors/stats/figures.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace freshet::actors {
namespace {

using nlohmann::json;
using topology::address;

constexpr std::size_t most_own_figures = 48;
constexpr std::size_t longest_own_text = 64;
constexpr const char* port = "port";

// --- one role -----------------------------------------------------------------------------------

std::optional<rt::latency_meter> meter_in(const json& shell, const char* key) {
  const json& figures = object_in(shell, key);
  const auto buckets = figures.find("buckets");
  const auto total = number_in(figures, "total_us");
  const auto maximum = number_in(figures, "max_us");
  if (buckets == figures.end() || !buckets->is_array() || !total || !maximum) return std::nullopt;
  std::vector<rt::latency_meter::filled_bucket> filled;
  for (std::size_t i = 0; i + 1 < buckets->size(); i += 2) {
    if (!(*buckets)[i].is_number_unsigned() || !(*buckets)[i + 1].is_number_unsigned()) return std::nullopt;
    filled.emplace_back((*buckets)[i].get<std::size_t>(), (*buckets)[i + 1].get<std::uint64_t>());
  }
  static constexpr double most_us = 9e15;  // of what fits 64 bits of nanoseconds
  const auto ns = [](double us) { return duration(static_cast<duration::rep>(std::clamp(us, 0.0, most_us) * 1000.0)); };
  return rt::latency_meter::of(filled, ns(*total), ns(*maximum));
}

double microseconds(duration d) { return rounded(std::chrono::duration<double, std::micro>(d).count()); }

/// The distribution within the window, or since the start while there is none.
std::optional<rt::latency_meter> recent(const heard_role& role, const char* key) {
  const auto now = meter_in(object_in(role.last().stats, "shell"), key);
  if (!now || role.window_seconds() <= 0) return now;
  const auto before = meter_in(object_in(role.before().stats, "shell"), key);
  if (!before) return now;
  const auto between = now->since(*before);
  return between ? between : now;
}

std::optional<double> rate(const heard_role& role, const json& now, const json& before, const char* key) {
  const auto a = number_in(before, key);
  const auto b = number_in(now, key);
  if (!a || !b || *b < *a || role.window_seconds() <= 0) return std::nullopt;
  return (*b - *a) / role.window_seconds();
}

void put(json& into, const char* key, const std::optional<double>& value) {
  if (value) into[key] = rounded(*value);
}
void put(json& into, const char* key, const std::optional<std::uint64_t>& value) {
  if (value) into[key] = *value;
}

json own_figures(const json& stats) {
  json own = json::object();
  for (const auto& [key, value] : stats.items()) {
    if (own.size() >= most_own_figures) break;
    if (value.is_number_float()) {
      own[key] = rounded(value.get<double>());
    } else if (value.is_number() || value.is_boolean() ||
               (value.is_string() && value.get_ref<const std::string&>().size() <= longest_own_text)) {
      own[key] = value;
    }
  }
  return own;
}

void put_shell(json& out, const heard_role& role) {
  const json& shell = object_in(role.last().stats, "shell");
  if (shell.empty()) return;
  const json& before = object_in(role.before().stats, "shell");
  put(out, "restarts", count_in(shell, "restarts"));
  put(out, "mailbox", count_in(shell, "mailbox"));
  put(out, "in_per_s", rate(role, shell, before, "handled"));
  put(out, "out_per_s", rate(role, shell, before, "sent"));
  double busy_us = 0;
  for (const auto& [key, p50, p99] :
       {std::tuple{"wait", "wait_p50_us", "wait_p99_us"}, std::tuple{"service", "service_p50_us", "service_p99_us"},
        std::tuple{"work", "slice_p50_us", "slice_p99_us"}}) {
    const auto meter = recent(role, key);
    if (!meter || meter->count() == 0) continue;
    out[p50] = microseconds(meter->quantile(0.5));
    out[p99] = microseconds(meter->quantile(0.99));
    if (std::string(key) != "wait") busy_us += std::chrono::duration<double, std::micro>(meter->total()).count();
  }
  if (role.window_seconds() > 0) out["busy"] = rounded(std::min(1.0, busy_us / 1e6 / role.window_seconds()));
}

json live_role(const live_sources& from, const address& where, const heard_role& role, time_point now) {
  json out{{"kind", kind_of(from, where)},
           {"pid", role.last().process_id},
           {"uptime_s", role.last().uptime_ms / 1000},
           {"state", "up"},
           {"own", own_figures(role.last().stats)}};
  if (now - role.heard() >= from.silent_after) {
    out["state"] = "silent";
    out["silent_s"] = std::chrono::duration_cast<std::chrono::seconds>(now - role.heard()).count();
    put(out, "restarts", count_in(object_in(role.last().stats, "shell"), "restarts"));
  } else {
    put_shell(out, role);
  }
  return out;
}

// --- links --------------------------------------------------------------------------------------

std::optional<address> address_of(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  return address{text.substr(0, slash), text.substr(slash + 1)};
}

/// Data passes between the roles of the loop; reports and what ports say to each other do not show.
bool shown(const std::string& kind) { return kind != port && kind != "stats" && kind != "console"; }

using edge_map = std::map<std::string, const json*>;

edge_map edges_of(const json& stats) {
  edge_map all;
  const auto edges = stats.find("edges");
  if (edges == stats.end() || !edges->is_array()) return all;
  for (const json& e : *edges) {
    const auto a = text_in(e, "from");
    const auto b = text_in(e, "to");
    if (a && b) all[*a + ">" + *b] = &e;
  }
  return all;
}

void add_edges(const live_sources& from, const address& where, const heard_role& role, json& links) {
  static const json nothing = json::object();
  const edge_map before = edges_of(role.before().stats);
  for (const auto& [key, edge] : edges_of(role.last().stats)) {
    const auto a = address_of(edge->at("from").get<std::string>());
    const auto b = address_of(edge->at("to").get<std::string>());
    // Two ports see each edge; its sender's tells.
    if (!a || !b || a->node != where.node || from.expected.count(*a) == 0 || from.expected.count(*b) == 0) continue;
    if (!shown(kind_of(from, *a)) || !shown(kind_of(from, *b))) continue;
    const auto old = before.find(key);
    json& link = links[key];
    link["from"] = a->text();
    link["to"] = b->text();
    put(link, "bytes", count_in(*edge, "out_bytes"));
    put(link, "messages", count_in(*edge, "out_messages"));
    const json& was = old == before.end() ? nothing : *old->second;
    put(link, "bytes_per_s", rate(role, *edge, was, "out_bytes"));
    put(link, "messages_per_s", rate(role, *edge, was, "out_messages"));
  }
}

void add_queues(const address& where, const heard_role& role, json& links) {
  const auto list = role.last().stats.find("links");
  if (list == role.last().stats.end() || !list->is_array()) return;
  for (const json& l : *list) {
    const auto peer = text_in(l, "peer");
    if (!peer) continue;
    const auto link = links.find(where.text() + ">" + *peer);
    if (link == links.end()) continue;
    for (const char* key : {"queued", "in_flight", "credit", "resends", "refused"}) put(*link, key, count_in(l, key));
    if (const auto alive = l.find("alive"); alive != l.end() && alive->is_boolean()) (*link)["alive"] = *alive;
  }
}

// --- sums ---------------------------------------------------------------------------------------

/// Links of the same two kinds together.
json flow_of(const json& links, const json& roles) {
  json flow = json::object();
  const auto kind = [&](const json& link, const char* end) {
    return roles.at(link.at(end).get<std::string>()).at("kind").get<std::string>();
  };
  for (const json& link : links) {
    json& sum = flow[kind(link, "from") + ">" + kind(link, "to")];
    for (const char* key : {"bytes", "messages", "queued", "in_flight"})
      if (const auto n = count_in(link, key)) sum[key] = count_in(sum, key).value_or(0) + *n;
    for (const char* key : {"bytes_per_s", "messages_per_s"})
      if (const auto n = number_in(link, key)) sum[key] = number_in(sum, key).value_or(0) + *n;
  }
  for (json& sum : flow)
    for (const char* key : {"bytes_per_s", "messages_per_s"})
      if (const auto n = number_in(sum, key)) sum[key] = rounded(*n);
  return flow;
}

json fleet_of(const json& roles, const fleet_score& score) {
  json fleet{{"devices", 0}, {"up", 0}, {"answered", 0}};
  std::optional<std::uint64_t> low, high;
  double speed = 0;
  std::uint64_t devices = 0, up = 0, answered = 0, scored = 0, correct = 0, twin_scored = 0, twin = 0;
  for (const json& role : roles) {
    const std::string kind = text_in(role, "kind").value_or("");
    const json& own = object_in(role, "own");
    if (kind == "deployer") put(fleet, "desired_version", count_in(own, "desired_version"));
    if (kind != "device") continue;
    ++devices;
    if (text_in(role, "state") == "up") {
      ++up;
      speed += number_in(own, "answers_per_second").value_or(0);
    }
    answered += count_in(own, "answered").value_or(0);
    const std::uint64_t n = count_in(own, "scored").value_or(0);
    scored += n;
    correct += count_in(own, "correct").value_or(0);
    const auto has_twin = own.find("twin");
    if (has_twin != own.end() && *has_twin == true) {
      twin_scored += n;
      twin += count_in(own, "twin_correct").value_or(0);
    }
    if (const auto v = count_in(own, "version")) {
      low = std::min(low.value_or(*v), *v);
      high = std::max(high.value_or(*v), *v);
    }
  }
  fleet["devices"] = devices;
  fleet["up"] = up;
  fleet["answered"] = answered;
  fleet["answers_per_s"] = rounded(speed);
  put(fleet, "version_low", low);
  put(fleet, "version_high", high);
  const auto share = [&](const char* key, std::uint64_t part, std::uint64_t of) {
    if (of > 0) fleet[key] = rounded(static_cast<double>(part) / static_cast<double>(of));
  };
  share("accuracy", score.correct, score.scored);
  share("twin_accuracy", score.twin_correct, score.twin_scored);
  share("accuracy_since_start", correct, scored);
  share("twin_accuracy_since_start", twin, twin_scored);
  fleet["phases"] = json::object();
  for (const auto& [phase, n] : score.phases) fleet["phases"][phase] = n;
  return fleet;
}

json traffic_of(const json& roles, const json& flow, const json& fleet) {
  json traffic = json::object();
  const auto take = [&](const char* pair, const std::string& name) {
    const json& sum = object_in(flow, pair);
    put(traffic, (name + "_bytes").c_str(), count_in(sum, "bytes"));
    put(traffic, (name + "_bytes_per_s").c_str(), number_in(sum, "bytes_per_s"));
  };
  take("uplink_filter>intake", "uplink");
  take("deployer>device", "downlink");
  double budget = 0;
  double filters = 0;
  for (const json& role : roles) {
    const json& own = object_in(role, "own");
    if (text_in(role, "kind") == "uplink_filter") {
      if (const auto b = number_in(own, "budget_bytes_per_sample")) {
        budget += *b;
        filters += 1;
      }
    } else if (text_in(role, "kind") == "compressor") {
      put(traffic, "refresh_bytes", count_in(own, "artefact_bytes_last"));
      put(traffic, "refresh_budget_bytes", count_in(own, "budget_bytes"));
      put(traffic, "refresh_whole_bytes", count_in(own, "fp16_bytes"));
    }
  }
  if (filters > 0) traffic["uplink_budget_bytes_per_sample"] = rounded(budget / filters);
  const auto bytes = number_in(traffic, "uplink_bytes_per_s");
  const auto answers = number_in(fleet, "answers_per_s");
  if (bytes && answers && *answers > 0) traffic["uplink_bytes_per_sample"] = rounded(*bytes / *answers);
  return traffic;
}

json live_node(const heard_role& role) {
  const json& now = role.last().stats;
  const json& before = role.before().stats;
  json out{{"pid", role.last().process_id}};
  put(out, "resident_bytes", count_in(now, "resident_bytes"));
  if (const auto cpu = rate(role, now, before, "cpu_ms")) out["cpu"] = rounded(*cpu / 1000);
  put(out, "in_bytes_per_s", rate(role, now, before, "in_bytes"));
  put(out, "out_bytes_per_s", rate(role, now, before, "out_bytes"));
  return out;
}

}  // namespace

std::string kind_of(const live_sources& from, const address& role) {
  const auto found = from.expected.find(role);
  if (found != from.expected.end()) return found->second;
  std::string name = role.role;
  const auto digits = name.find_last_not_of("0123456789");
  if (digits != std::string::npos && digits + 1 < name.size() && (name[digits] == '-' || name[digits] == '_'))
    name.resize(digits);
  return name;
}

fleet_score score_of(const live_sources& from, time_point now) {
  fleet_score score;
  for (const auto& [where, role] : from.heard) {
    if (kind_of(from, where) != "device" || now - role.heard() >= from.silent_after) continue;
    const json& own = role.last().stats;
    if (const auto phase = text_in(own, "phase")) ++score.phases[*phase];
    const auto scored = count_in(own, "window_scored");
    const auto correct = count_in(own, "window_correct");
    if (!scored || !correct || *correct > *scored) continue;
    score.scored += *scored;
    score.correct += *correct;
    const auto twin = own.find("twin");
    const auto twin_correct = count_in(own, "window_twin_correct");
    if (twin == own.end() || *twin != true || !twin_correct) continue;
    score.twin_scored += *scored;
    score.twin_correct += std::min(*twin_correct, *scored);
  }
  return score;
}

json live_document(const live_sources& from, time_point now) {
  json roles = json::object();
  json nodes = json::object();
  json links = json::object();
  for (const auto& [where, kind] : from.expected) roles[where.text()] = {{"kind", kind}, {"state", "missing"}};
  for (const auto& [where, role] : from.heard) {
    roles[where.text()] = live_role(from, where, role, now);
    if (where.role != port) continue;
    const heard_role port_role = now - role.heard() >= from.silent_after ? role.at_rest() : role;
    nodes[where.node] = live_node(port_role);
    add_edges(from, where, port_role, links);
  }
  for (const auto& [where, role] : from.heard) add_queues(where, role, links);
  json flow = flow_of(links, roles);
  json fleet = fleet_of(roles, score_of(from, now));
  json traffic = traffic_of(roles, flow, fleet);
  return {{"fleet", std::move(fleet)}, {"traffic", std::move(traffic)}, {"nodes", std::move(nodes)},
          {"roles", std::move(roles)}, {"links", std::move(links)},     {"flow", std::move(flow)}};
}

}  // namespace freshet::actors

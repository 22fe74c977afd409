#include "tools/freshet/progress.hpp"

#include <map>
#include <utility>

#include <nlohmann/json.hpp>

namespace freshet::cli {
namespace {

using nlohmann::json;
using topology::role_kind;

// A snapshot of a whole fleet is far smaller; what is larger is none.
constexpr std::size_t largest_document_bytes = std::size_t{64} << 20U;

std::optional<double> number(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::optional<std::uint64_t> count(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  if (!found->is_number_unsigned() && found->get<std::int64_t>() < 0) return std::nullopt;
  return found->get<std::uint64_t>();
}

std::optional<std::string> text(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::optional<score> score_of(const json& stats, const char* right, const char* of) {
  const auto r = count(stats, right);
  const auto n = count(stats, of);
  if (!r || !n || *r > *n) return std::nullopt;
  return score{*r, *n};
}

void add(score& sum, const score& more) {
  sum.right += more.right;
  sum.of += more.of;
}

void add(std::optional<score>& sum, const std::optional<score>& more) {
  if (!more) return;
  if (!sum) sum = score{};
  add(*sum, *more);
}

struct report {
  json stats;
  std::uint64_t age_ms = 0;
};

using reports = std::map<std::string, report>;   // by address

void read_device(const report& r, device_progress& d, fleet_progress& fleet) {
  d.silent = r.age_ms > silent_after_ms;
  d.phase = text(r.stats, "phase");
  d.version = count(r.stats, "version");
  d.answered = count(r.stats, "answered").value_or(0);
  d.skipped = count(r.stats, "skipped").value_or(0);
  d.answers_per_second = number(r.stats, "answers_per_second").value_or(0);
  d.window = score_of(r.stats, "window_correct", "window_scored").value_or(score{});
  d.twin_window = score_of(r.stats, "window_twin_correct", "window_scored");
  fleet.answered += d.answered;
  add(fleet.window, d.window);
  add(fleet.twin_window, d.twin_window);
  add(fleet.total, score_of(r.stats, "correct", "scored").value_or(score{}));
  add(fleet.twin_total, score_of(r.stats, "twin_correct", "scored"));
}

/// Bytes of edges between roles of two kinds, as their senders' ports count them.
std::uint64_t bytes_between(const reports& all, const std::map<std::string, role_kind>& kinds, role_kind from,
                            role_kind to) {
  std::uint64_t bytes = 0;
  for (const auto& [where, r] : all) {
    const auto edges = r.stats.find("edges");
    if (edges == r.stats.end() || !edges->is_array()) continue;
    const std::size_t slash = where.find('/');
    if (where.substr(slash + 1) != "port") continue;
    for (const json& edge : *edges) {
      if (!edge.is_object()) continue;
      const auto sender = text(edge, "from");
      const auto receiver = text(edge, "to");
      if (!sender || !receiver || sender->compare(0, slash + 1, where, 0, slash + 1) != 0) continue;
      const auto a = kinds.find(*sender);
      const auto b = kinds.find(*receiver);
      if (a == kinds.end() || b == kinds.end() || a->second != from || b->second != to) continue;
      bytes += count(edge, "out_bytes").value_or(0);
    }
  }
  return bytes;
}

}  // namespace

result<fleet_progress> read_progress(std::string_view document, const topology::graph& graph) {
  if (document.size() > largest_document_bytes)
    return error{errc::too_large, "stats document of " + std::to_string(document.size()) + " bytes"};
  const json root = json::parse(document, nullptr, false);
  if (!root.is_object()) return error{errc::corrupt, "stats document: no JSON object"};

  fleet_progress fleet;
  fleet.number = count(root, "number").value_or(0);
  fleet.uptime_ms = count(root, "uptime_ms").value_or(0);
  reports all;
  if (const auto roles = root.find("roles"); roles != root.end() && roles->is_array()) {
    for (const json& role : *roles) {
      if (!role.is_object()) continue;
      const auto node = text(role, "node");
      const auto name = text(role, "role");
      const auto stats = role.find("stats");
      if (!node || !name || stats == role.end() || !stats->is_object()) continue;
      all[*node + "/" + *name] = {*stats, count(role, "age_ms").value_or(0)};
    }
  }

  std::map<std::string, role_kind> kinds;
  for (const topology::role_spec& role : graph.roles) {
    const std::string where = role.where().text();
    kinds[where] = role.kind();
    const auto found = all.find(where);
    if (role.kind() == role_kind::device) {
      device_progress d;
      d.name = where;
      d.number = role.device.value;
      d.silent = true;
      if (found != all.end()) read_device(found->second, d, fleet);
      fleet.devices.push_back(std::move(d));
      continue;
    }
    if (found == all.end()) {
      fleet.silent_roles.push_back(where);
      continue;
    }
    if (found->second.age_ms > silent_after_ms) fleet.silent_roles.push_back(where);
    if (role.kind() == role_kind::distiller) {
      fleet.refreshes = count(found->second.stats, "version").value_or(0);
      fleet.loss = number(found->second.stats, "loss");
    }
    if (role.kind() == role_kind::deployer) fleet.desired = count(found->second.stats, "desired");
  }
  fleet.uplink_bytes = bytes_between(all, kinds, role_kind::uplink_filter, role_kind::intake);
  fleet.downlink_bytes = bytes_between(all, kinds, role_kind::deployer, role_kind::device);
  return fleet;
}

}  // namespace freshet::cli

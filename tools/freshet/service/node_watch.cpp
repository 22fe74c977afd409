#include "tools/freshet/service/node_watch.hpp"

#include "kernels/base/clock.hpp"
#include "kernels/base/json_line.hpp"
#include "tools/freshet/service/service_voice.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace freshet::cli {
namespace {

using nlohmann::json;

constexpr const char* health_name = "X_FRESHET_UNWELL";
// A notification is a datagram: the first so many roles tell enough.
constexpr std::size_t most_unwell = 64;

}  // namespace

std::string health_line(const std::vector<unwell_role>& unwell) {
  json list = json::array();
  for (const unwell_role& r : unwell) {
    if (list.size() == most_unwell) break;
    list.push_back({{"role", one_line(r.role)}, {"why", one_line(r.why)}});
  }
  return std::string(health_name) + "=" + json_line(list) + "\n";
}

std::optional<std::vector<unwell_role>> health_in(const notification& heard) {
  const auto text = heard.value(health_name);
  if (!text) return std::nullopt;
  const json list = json::parse(*text, nullptr, false);
  if (!list.is_array() || list.size() > most_unwell) return std::nullopt;
  std::vector<unwell_role> out;
  for (const json& r : list) {
    if (!r.is_object() || !r.contains("role") || !r["role"].is_string() || !r.contains("why") || !r["why"].is_string())
      return std::nullopt;
    out.push_back({r["role"].get<std::string>(), r["why"].get<std::string>()});
  }
  return out;
}

node_watch::node_watch(const std::vector<std::string>& nodes, node_watch_limits limits) : limits_(limits) {
  for (const std::string& name : nodes) {
    entry n;
    n.name = name;
    nodes_.push_back(std::move(n));
  }
}

node_watch::entry* node_watch::find(const std::string& node) {
  const auto found = std::find_if(nodes_.begin(), nodes_.end(), [&](const entry& n) { return n.name == node; });
  return found == nodes_.end() ? nullptr : &*found;
}

void node_watch::follow(const std::vector<std::string>& nodes) {
  std::vector<entry> next;
  for (const std::string& name : nodes) {
    if (entry* known = find(name)) {
      next.push_back(std::move(*known));
      continue;
    }
    next.emplace_back();
    next.back().name = name;
  }
  nodes_ = std::move(next);
}

void node_watch::started(const std::string& node, pid_t process, time_point now) {
  entry* n = find(node);
  if (n == nullptr) return;
  n->process = process;
  n->ready = false;
  n->why.clear();
  ++n->starts;
  n->started = now;
  n->answered.reset();
  n->unwell.clear();
}

void node_watch::ended(const std::string& node, const std::string& why) {
  entry* n = find(node);
  if (n == nullptr) return;
  n->process = 0;
  n->ready = false;
  n->why = why;
  n->answered.reset();
  n->unwell.clear();
}

void node_watch::heard(const notification& what, time_point now) {
  for (entry& n : nodes_) {
    if (n.process == 0 || n.process != what.from) continue;
    if (what.value("READY") == "1") n.ready = true;
    if (what.value("WATCHDOG") == "1") n.answered = now;
    if (auto unwell = health_in(what)) n.unwell = std::move(*unwell);
  }
}

bool node_watch::late(const entry& n, time_point now) const {
  return n.process != 0 && n.answered && now - *n.answered > limits_.answer_within;
}

std::vector<node_view> node_watch::view(time_point now) const {
  std::vector<node_view> out;
  for (const entry& n : nodes_) {
    node_view v;
    v.name = n.name;
    v.process = n.process;
    v.starts = n.starts;
    v.unwell = n.unwell;
    v.why = n.why;
    if (n.process == 0) {
      v.state = node_state::waiting;
    } else if (late(n, now)) {
      v.state = node_state::late;
      v.why = "has not answered for " + seconds_text(now - *n.answered);
    } else if (!n.ready) {
      v.state = node_state::starting;
      v.why = "has been starting for " + seconds_text(now - n.started);
    } else {
      v.state = node_state::running;
    }
    out.push_back(std::move(v));
  }
  return out;
}

bool node_watch::all_ready() const {
  return std::all_of(nodes_.begin(), nodes_.end(), [](const entry& n) { return n.process != 0 && n.ready; });
}

bool node_watch::all_answer(time_point now) const {
  return std::none_of(nodes_.begin(), nodes_.end(), [&](const entry& n) { return late(n, now); });
}

std::vector<std::string> node_watch::hung(time_point now) const {
  std::vector<std::string> out;
  for (const entry& n : nodes_) {
    if (n.process == 0) continue;
    if (n.answered ? now - *n.answered > limits_.hung_after : now - n.started > limits_.start_within)
      out.push_back(n.name);
  }
  return out;
}

}  // namespace freshet::cli

#include "tools/freshet/service/service_view.hpp"

#include "kernels/base/clock.hpp"
#include "tools/freshet/progress_view.hpp"
#include "tools/freshet/service/figures.hpp"

#include <algorithm>
#include <map>

namespace freshet::cli {
namespace {

using clock = std::chrono::steady_clock;

// The main loop turns once a second, and may ask the daemon for figures in between.
constexpr std::chrono::seconds turn_within{10};
// Figures are asked for once a second.
constexpr std::chrono::seconds figures_within{10};

health_check disk(const service_view& view, const topology::graph& graph) {
  const std::string where = graph.state_dir + " ";
  if (!view.disk_free_bytes) return {"disk", where + "cannot be looked at"};
  if (*view.disk_free_bytes >= graph.service.disk_low.value) return {"disk", ""};
  return {"disk", where + "has " + human_bytes(static_cast<double>(*view.disk_free_bytes)) + " left; below " +
                      config::show(graph.service.disk_low)};
}

/// Roles that STATS has not heard of for a while, by address, with how long.
std::map<std::string, std::string> silent_roles(const service_view& view) {
  std::map<std::string, std::string> out;
  if (!view.figures) return out;
  for (const role_figures& r : read_figures(*view.figures))
    if (r.silent) out[r.node + "/" + r.role] = seconds_text(std::chrono::milliseconds(r.age_ms));
  return out;
}

}  // namespace

std::string why_not_alive(const service_view& view, const config::service_settings& limits, clock::time_point now) {
  if (now - view.taken > std::max<clock::duration>(turn_within, limits.answer_within))
    return "the main loop has not turned for " + seconds_text(now - view.taken);
  for (const node_view& n : view.nodes)
    if (n.state == node_state::late) return "node " + n.name + " " + n.why;
  return "";
}

std::vector<health_check> readiness(const service_view& view, const topology::graph& graph, clock::time_point now) {
  std::vector<health_check> out;
  out.push_back({"running", view.stopping ? "is stopping" : why_not_alive(view, graph.service, now)});
  const auto silent = silent_roles(view);
  const bool fresh = view.figures && now - view.figures_taken <= figures_within;
  for (const node_view& n : view.nodes) {
    out.push_back({"node " + n.name, n.why});
    for (const topology::role_spec* role : graph.roles_on(n.name)) {
      health_check c{"role " + role->where().text(), ""};
      const auto unwell =
          std::find_if(n.unwell.begin(), n.unwell.end(), [&](const auto& u) { return u.role == role->name; });
      if (n.state == node_state::starting || n.state == node_state::waiting) {
        c.why = "its node does not run";
      } else if (unwell != n.unwell.end()) {
        c.why = unwell->why;
      } else if (const auto quiet = silent.find(role->where().text()); fresh && quiet != silent.end()) {
        c.why = "has not reported for " + quiet->second;
      }
      out.push_back(std::move(c));
    }
  }
  if (graph.stats()) {
    health_check stats{"stats", ""};
    if (!view.figures) {
      stats.why = "no figures yet" + (view.figures_problem.empty() ? "" : ": " + view.figures_problem);
    } else if (!fresh) {
      stats.why = "no figures for " + seconds_text(now - view.figures_taken) +
                  (view.figures_problem.empty() ? "" : ": " + view.figures_problem);
    }
    health_check cloud{"cloud", ""};
    if (!stats.ok()) cloud.why = graph.stats()->text() + " does not answer";
    // The way back: it must have heard each node of ours as well.
    for (const node_view& n : view.nodes)
      if (const auto quiet = silent.find(n.name + "/port"); cloud.ok() && quiet != silent.end())
        cloud.why = "has not heard of node " + n.name + " for " + quiet->second;
    out.push_back(std::move(stats));
    out.push_back(std::move(cloud));
  }
  out.push_back(disk(view, graph));
  return out;
}

}  // namespace freshet::cli

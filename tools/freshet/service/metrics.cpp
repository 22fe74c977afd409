#include "tools/freshet/service/metrics.hpp"

#include "tools/freshet/service/figures.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <unistd.h>

namespace freshet::cli {
namespace {

using nlohmann::json;
using labels = std::vector<std::pair<std::string, std::string>>;

enum class metric_type { counter, gauge };

std::string escaped(const std::string& value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string number(double value) {
  std::array<char, 40> buffer{};
  const auto done = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return std::string(buffer.data(), done.ptr);
}

/// Families in the order in which they first came, samples in the order of their labels.
class exposition {
 public:
  void add(const std::string& name, metric_type type, const std::string& help, const labels& with, double value) {
    if (!std::isfinite(value)) return;
    auto found = std::find_if(families_.begin(), families_.end(), [&](const family& f) { return f.name == name; });
    if (found == families_.end()) {
      families_.push_back({name, type, help, {}});
      found = std::prev(families_.end());
    }
    found->samples[with] += value;
  }

  [[nodiscard]] std::string text() const {
    std::string out;
    for (const family& f : families_) {
      out += "# HELP " + f.name + " " + f.help + "\n# TYPE " + f.name +
             (f.type == metric_type::counter ? " counter\n" : " gauge\n");
      for (const auto& [with, value] : f.samples) {
        out += f.name;
        std::string inside;
        for (const auto& [key, text] : with) inside += (inside.empty() ? "" : ",") + key + "=\"" + escaped(text) + "\"";
        if (!inside.empty()) out += "{" + inside + "}";
        out += " " + number(value) + "\n";
      }
    }
    return out;
  }

 private:
  struct family {
    std::string name;
    metric_type type;
    std::string help;
    std::map<labels, double> samples;
  };
  std::vector<family> families_;
};

/// A figure in a role's own report. `key` may be "shell/restarts".
struct figure {
  const char* kind;  ///< of role; "*": every one but ports
  const char* key;
  const char* name;
  metric_type type;
  double scale;
  const char* help;
};

constexpr metric_type counter = metric_type::counter;
constexpr metric_type gauge = metric_type::gauge;
constexpr double from_us = 1e-6;

constexpr figure figures[] = {
    {"*", "shell/handled", "freshet_role_messages_total", counter, 1, "Messages handled by roles."},
    {"*", "shell/restarts", "freshet_role_restarts_total", counter, 1,
     "Times that a role was started again within its process."},
    {"*", "shell/wait/total_us", "freshet_role_wait_seconds_total", counter, from_us,
     "Time that messages waited for their role."},
    {"*", "shell/service/total_us", "freshet_role_service_seconds_total", counter, from_us,
     "Time spent in handling messages."},
    {"*", "shell/work/total_us", "freshet_role_work_seconds_total", counter, from_us,
     "Time spent in slices of heavy work."},
    {"device", "answered", "freshet_device_answers_total", counter, 1, "Samples answered by devices."},
    {"device", "skipped", "freshet_device_skipped_samples_total", counter, 1, "Samples that could not be read."},
    {"device", "late", "freshet_device_late_samples_total", counter, 1,
     "Samples answered later than their pace asks for."},
    {"device", "scored", "freshet_device_scored_answers_total", counter, 1, "Answers whose truth is known."},
    {"device", "correct", "freshet_device_correct_answers_total", counter, 1, "Right answers of the adapting student."},
    {"device", "twin_correct", "freshet_device_twin_correct_answers_total", counter, 1,
     "Right answers of the frozen twin."},
    {"device", "update_bytes", "freshet_device_update_bytes_total", counter, 1, "Bytes of updates received."},
    {"device", "updates_applied", "freshet_device_updates_applied_total", counter, 1, "Updates activated."},
    {"device", "updates_refused", "freshet_device_updates_refused_total", counter, 1,
     "Updates that a device did not take."},
    {"uplink_filter", "seen", "freshet_uplink_seen_samples_total", counter, 1, "Samples that a filter looked at."},
    {"uplink_filter", "sent", "freshet_uplink_sent_samples_total", counter, 1, "Samples sent up."},
    {"uplink_filter", "shed", "freshet_uplink_shed_samples_total", counter, 1,
     "Kept samples dropped for want of room."},
    {"uplink_filter", "bytes", "freshet_uplink_sample_bytes_total", counter, 1, "Bytes of samples sent up."},
    {"uplink_filter", "spooled_samples", "freshet_uplink_spooled_samples", gauge, 1, "Samples that wait to be sent."},
    {"uplink_filter", "spooled_bytes", "freshet_uplink_spooled_bytes", gauge, 1,
     "Bytes of samples that wait to be sent."},
    {"intake", "samples", "freshet_intake_samples_total", counter, 1, "Samples accepted."},
    {"intake", "duplicate_samples", "freshet_intake_duplicate_samples_total", counter, 1,
     "Samples that had been accepted before."},
    {"intake", "refused_batches", "freshet_intake_refused_batches_total", counter, 1, "Batches not accepted."},
    {"intake", "samples_consumed", "freshet_intake_consumed_samples_total", counter, 1,
     "Samples that were trained on."},
    {"intake", "held_samples", "freshet_intake_held_samples", gauge, 1, "Samples accepted and not yet trained on."},
    {"intake", "held_bytes", "freshet_intake_held_bytes", gauge, 1,
     "Bytes of samples accepted and not yet trained on."},
    {"teacher", "answered", "freshet_teacher_labels_total", counter, 1, "Samples labelled."},
    {"teacher", "queued", "freshet_teacher_queued_batches", gauge, 1, "Batches that wait for labels."},
    {"distiller", "version", "freshet_distiller_version_number", gauge, 1, "Newest student version."},
    {"distiller", "steps", "freshet_distiller_steps_total", counter, 1, "Optimiser steps."},
    {"distiller", "trained_samples", "freshet_distiller_trained_samples_total", counter, 1, "Samples trained on."},
    {"distiller", "loss", "freshet_distiller_loss_ratio", gauge, 1, "Loss of the last step."},
    {"distiller", "agreement", "freshet_distiller_agreement_ratio", gauge, 1,
     "Share of labels that the student agreed with."},
    {"compressor", "refreshes", "freshet_compressor_updates_total", counter, 1, "Updates encoded."},
    {"compressor", "artefact_bytes", "freshet_compressor_update_bytes_total", counter, 1, "Bytes of encoded updates."},
    {"compressor", "failures", "freshet_compressor_failures_total", counter, 1, "Updates that could not be encoded."},
    {"deployer", "desired_version", "freshet_deployer_desired_version_number", gauge, 1,
     "Version that devices should have."},
    {"deployer", "devices", "freshet_deployer_devices", gauge, 1, "Devices known."},
    {"deployer", "converged", "freshet_deployer_converged_devices", gauge, 1, "Devices that have the desired version."},
    {"deployer", "lagging", "freshet_deployer_lagging_devices", gauge, 1, "Devices that are behind."},
    {"deployer", "bytes_sent", "freshet_deployer_sent_bytes_total", counter, 1, "Bytes of updates sent to devices."},
    {"deployer", "failures", "freshet_deployer_failures_total", counter, 1,
     "Updates that devices refused or failed to apply."},
};

std::optional<double> value_at(const json& stats, std::string_view key) {
  const json* at = &stats;
  while (true) {
    const std::size_t slash = key.find('/');
    const auto found = at->find(std::string(key.substr(0, slash)));
    if (found == at->end()) return std::nullopt;
    at = &*found;
    if (slash == std::string_view::npos) break;
    if (!at->is_object()) return std::nullopt;
    key.remove_prefix(slash + 1);
  }
  if (!at->is_number()) return std::nullopt;
  return at->get<double>();
}

void add_sum(exposition& out, const json& stats, const char* list, const char* key, const std::string& name,
             metric_type type, const std::string& help, const labels& with) {
  const auto found = stats.find(list);
  if (found == stats.end() || !found->is_array()) return;
  for (const json& entry : *found)
    if (entry.is_object())
      if (const auto value = value_at(entry, key)) out.add(name, type, help, with, *value);
}

void add_port(exposition& out, const role_figures& r) {
  const auto one = [&](const char* key, const std::string& name, const std::string& help, labels with) {
    with.insert(with.begin(), {"node", r.node});
    if (const auto value = value_at(r.stats, key)) out.add(name, counter, help, with, *value);
  };
  one("out_bytes", "freshet_port_bytes_total", "Bytes through a node's port.", {{"direction", "out"}});
  one("in_bytes", "freshet_port_bytes_total", "", {{"direction", "in"}});
  one("out_messages", "freshet_port_messages_total", "Messages through a node's port.", {{"direction", "out"}});
  one("in_messages", "freshet_port_messages_total", "", {{"direction", "in"}});
  for (const char* fault : {"malformed", "unknown_type", "wrong_identity", "cut_off", "cut_offs", "no_such_role",
                            "mailbox_full", "unroutable", "not_encodable"})
    one(fault, "freshet_port_faults_total", "Messages that could not be taken or sent, by what was wrong.",
        {{"fault", fault}});
  const labels node{{"node", r.node}};
  add_sum(out, r.stats, "peers", "queued_bytes", "freshet_port_queued_bytes", gauge, "Bytes that wait for a socket.",
          node);
  add_sum(out, r.stats, "peers", "dropped_bulk", "freshet_port_dropped_messages_total", counter,
          "Messages that a full queue had no room for; links send them again.", node);
  add_sum(out, r.stats, "peers", "dropped_control", "freshet_port_dropped_messages_total", counter, "", node);
}

void add_role(exposition& out, const role_figures& r, const std::string& kind) {
  const labels with{{"node", r.node}, {"role", kind}};
  out.add("freshet_silent_roles", gauge, "Roles that have not reported for a while.", with, r.silent ? 1 : 0);
  for (const figure& f : figures) {
    if (std::string_view(f.kind) != "*" && f.kind != kind) continue;
    if (const auto value = value_at(r.stats, f.key)) out.add(f.name, f.type, f.help, with, *value * f.scale);
  }
  add_sum(out, r.stats, "links", "queued", "freshet_link_queued_messages", gauge, "Messages that wait for credit.",
          with);
  add_sum(out, r.stats, "links", "in_flight", "freshet_link_unacknowledged_messages", gauge,
          "Messages sent and not acknowledged.", with);
  add_sum(out, r.stats, "links", "resends", "freshet_link_resends_total", counter, "Messages sent again.", with);
}

std::optional<double> resident_bytes(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  if (!(file >> all >> resident)) return std::nullopt;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::string metrics_text(const service_view& view, const topology::graph& graph,
                         std::chrono::steady_clock::time_point now) {
  exposition out;
  const auto checks = readiness(view, graph, now);
  const bool ready = std::all_of(checks.begin(), checks.end(), [](const health_check& c) { return c.ok(); });
  out.add("freshet_ready", gauge, "1 when every check of /readyz is well.", {}, ready ? 1 : 0);
  out.add("freshet_reloads_total", counter, "Times that the configuration was read again.", {},
          static_cast<double>(view.reloads));
  for (const node_view& n : view.nodes) {
    const labels node{{"node", n.name}};
    out.add("freshet_node_up", gauge, "1 while a node's process runs and answers.", node,
            n.state == node_state::running ? 1 : 0);
    out.add("freshet_node_starts_total", counter, "Times that a node's process was started.", node,
            static_cast<double>(n.starts));
    if (n.process == 0) continue;
    if (const auto bytes = resident_bytes(n.process))
      out.add("freshet_node_resident_bytes", gauge, "Memory of a node's process.", node, *bytes);
  }
  if (view.disk_free_bytes)
    out.add("freshet_disk_free_bytes", gauge, "Room left for state.", {}, static_cast<double>(*view.disk_free_bytes));
  if (view.disk_size_bytes)
    out.add("freshet_disk_size_bytes", gauge, "Size of the disk that holds state.", {},
            static_cast<double>(*view.disk_size_bytes));
  if (view.figures) {
    out.add("freshet_figures_age_seconds", gauge, "Since the roles' figures below were last collected.", {},
            std::chrono::duration<double>(now - view.figures_taken).count());
    for (const role_figures& r : read_figures(*view.figures)) {
      if (r.role == "port") {
        add_port(out, r);
      } else if (const topology::role_spec* known = graph.find_role({r.node, r.role})) {
        add_role(out, r, config::name(known->kind()));
      }
    }
  }
  return out.text();
}

}  // namespace freshet::cli

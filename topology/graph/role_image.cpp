#include "topology/graph/role_image.hpp"

#include "topology/graph/links.hpp"

#include <utility>
#include <variant>
#include <vector>

namespace freshet::topology {
namespace {

/// Collects settings under their full names.
class collector final : public config::schema_visitor {
 public:
  collector(role_image& out, std::string path) : out_(out), path_{std::move(path)} {}
  void on_setting(const config::property_info& info, const std::string& now) override {
    out_[config::joined(path_.back(), info.name)] = now;
  }
  void enter_table(const std::string& name, const std::string&) override {
    path_.push_back(config::joined(path_.back(), name));
  }
  void leave_table() override { path_.pop_back(); }

 private:
  role_image& out_;
  std::vector<std::string> path_;
};

template <class S>
void collect(role_image& out, const std::string& path, const S& settings) {
  collector into(out, path);
  config::schema_of<S>().visit(settings, into);
}

role_image settings_of(const role_spec& role) {
  role_image out;
  std::visit([&](const auto& settings) { collect(out, config::name(role.kind()), settings); }, role.settings);
  return out;
}

/// Some of the settings of the first role of a kind, by name.
void borrow(role_image& out, const graph_index& g, role_kind kind, const std::vector<std::string>& names) {
  const auto& roles = g.roles_of(kind);
  if (roles.empty()) return;
  const role_image all = settings_of(*roles.front());
  for (const std::string& name : names) {
    const std::string key = config::joined(config::name(kind), name);
    if (const auto it = all.find(key); it != all.end()) out[key] = it->second;
  }
}

/// What decides the student's line: the model, how it is asked, and the adapter on it.
const std::vector<std::string> line_settings{"student",      "chat_template", "lora_rank", "lora_alpha",
                                             "lora_targets", "train_vision",  "seed"};

const std::string encoder_features = "encoder features travel";

void add_targets(role_image& out, const graph_index& g, const role_spec& role) {
  for (std::size_t k = 0; k < config::role_kinds().size(); ++k) {
    const auto kind = static_cast<role_kind>(k);
    // The deployer learns of devices from their reports.
    if (role.kind() == role_kind::deployer && kind == role_kind::device) continue;
    std::string all;
    for (const address& to : targets(g, role, kind)) all += (all.empty() ? "" : " ") + to.text();
    if (!all.empty()) out["sends to " + config::name(kind)] = all;
  }
}

}  // namespace

role_image image_of(const graph_index& g, const role_spec& role) {
  role_image out = settings_of(role);
  add_targets(out, g, role);
  switch (role.kind()) {
    case role_kind::device: {
      borrow(out, g, role_kind::distiller, line_settings);
      out["device_id"] = std::to_string(role.device.value);
      if (const role_spec* filter = filter_of(g, role)) {
        const role_image filtering = settings_of(*filter);
        for (const char* name : {"uplink_filter.gate", "uplink_filter.scores", "uplink_filter.token_score"})
          if (const auto it = filtering.find(name); it != filtering.end()) out[name] = it->second;
        if (std::get<config::uplink_filter_settings>(filter->settings).may_send_features()) out[encoder_features] = "true";
      }
      // Devices deal the samples of a folder among them; worlds have enough for everyone.
      const auto& settings = std::get<config::device_settings>(role.settings);
      if (settings.source.from != "scenes") {
        const auto& devices = g.roles_of(role_kind::device);
        std::size_t place = 0;
        while (place < devices.size() && devices[place]->where() != role.where()) ++place;
        out["share of the stream"] = std::to_string(place + 1) + " of " + std::to_string(devices.size());
      }
      break;
    }
    case role_kind::teacher:
      borrow(out, g, role_kind::distiller, {"terms.visual_qkd", "terms.hidden_qkd"});
      for (const role_spec* intake : g.roles_of(role_kind::intake)) out["answers to"] = intake->where().text();
      break;
    case role_kind::distiller:
      borrow(out, g, role_kind::teacher, {"kind", "model", "top_k_logits"});
      if (features_travel(g.whole())) out[encoder_features] = "true";
      break;
    case role_kind::compressor:
    case role_kind::deployer: {
      borrow(out, g, role_kind::distiller, line_settings);
      for (const role_spec* distiller : g.roles_of(role_kind::distiller)) out["takes from"] = distiller->where().text();
      if (role.kind() == role_kind::deployer) borrow(out, g, role_kind::teacher, {"kind"});
      break;
    }
    case role_kind::intake: {
      for (const role_spec* distiller : g.roles_of(role_kind::distiller)) out["takes from"] = distiller->where().text();
      break;
    }
    case role_kind::uplink_filter:
    case role_kind::stats:
    case role_kind::bench:
      break;
  }
  return out;
}

role_image image_of(const graph& g, const node_spec& node) {
  role_image out;
  out["state_dir"] = g.state_dir;
  collect(out, "logging", g.logging);
  collect(out, "links", g.links);
  std::string listen;
  for (const std::string& endpoint : node.listen) listen += (listen.empty() ? "" : " ") + endpoint;
  out["nodes.listen"] = listen;
  out["nodes.threads"] = std::to_string(node.threads);
  out["nodes.stop_within"] = std::to_string(node.stop_within.count()) + "ms";
  out["nodes.public_key"] = node.public_key;
  out["nodes.enrol"] = node.enrol;
  collect(out, "service", g.service);
  collect(out, "changes", g.changes);
  out["nodes.insecure"] = node.insecure ? "true" : "false";
  const auto stats = g.stats();
  out["reports to"] = stats ? stats->text() : "nobody";
  for (const role_spec* role : g.roles_of(role_kind::stats))
    collect(out, "stats", std::get<config::stats_settings>(role->settings));
  return out;
}

}  // namespace freshet::topology

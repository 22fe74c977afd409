#include "topology/graph/load.hpp"

#include <algorithm>
#include <variant>

#include "config/parse.hpp"
#include "config/suggest.hpp"
#include "config/value.hpp"
#include "topology/graph/validate.hpp"

namespace freshet::topology {
namespace {

/// Bounds replicas x entries, so that judging any document is quick.
constexpr std::size_t most_roles = 16'384;

std::string below(const std::string& base, const std::string& path) {
  return path.empty() || path.front() == '/' || base.empty() ? path : base + "/" + path;
}

/// "ipc://cloud.sock" lies in the state folder: the same file works wherever that is.
std::string resolve_listen(const std::string& text, const std::string& state_dir) {
  constexpr std::string_view ipc = "ipc://";
  if (text.compare(0, ipc.size(), ipc) != 0 || text.size() == ipc.size()) return text;
  return std::string(ipc) + below(state_dir, text.substr(ipc.size()));
}

void fill_state_dir(role_spec& role, const std::string& state_dir, const std::string& base_dir) {
  const auto fill = [&](std::string& own) {
    own = own.empty() ? state_dir_of(state_dir, role.where()) : below(base_dir, own);
  };
  if (auto* filter = std::get_if<config::uplink_filter_settings>(&role.settings)) fill(filter->state_dir);
  if (auto* intake = std::get_if<config::intake_settings>(&role.settings)) fill(intake->state_dir);
  if (auto* device = std::get_if<config::device_settings>(&role.settings)) {
    fill(device->state_dir);
    std::string& trusted = device->trusted_keys;
    trusted = trusted.empty() ? device->state_dir + "/trusted_keys" : below(base_dir, trusted);
  }
  if (auto* deployer = std::get_if<config::deployer_settings>(&role.settings)) {
    fill(deployer->state_dir);
    std::string& keys = deployer->key_dir;
    keys = keys.empty() ? state_dir_of(state_dir, role.where()) + "/artefact-keys" : below(base_dir, keys);
  }
  if (auto* distiller = std::get_if<config::distiller_settings>(&role.settings)) fill(distiller->state_dir);
}

/// Last, so that devices have the numbers that they have when all nodes run.
void leave_out(graph& g, const std::vector<std::string>& drained, config::problems& out) {
  std::vector<std::string> names;
  for (const node_spec& node : g.nodes) names.push_back(node.name);
  for (const std::string& name : drained)
    if (std::find(names.begin(), names.end(), name) == names.end())
      out.add({}, "drained", config::text_literal(name) + " is no node of this file" + config::advice(name, names));
  const auto is_drained = [&](const std::string& name) {
    return std::find(drained.begin(), drained.end(), name) != drained.end();
  };
  g.nodes.erase(std::remove_if(g.nodes.begin(), g.nodes.end(), [&](const node_spec& n) { return is_drained(n.name); }),
                g.nodes.end());
  g.roles.erase(std::remove_if(g.roles.begin(), g.roles.end(), [&](const role_spec& r) { return is_drained(r.node); }),
                g.roles.end());
  g.drained = drained;
}

}  // namespace

graph graph_of(const config::document& doc, const load_options& options, config::problems& out) {
  graph g;
  g.file = options.file;
  g.state_dir = below(options.base_dir, options.state_dir.value_or(doc.general.state_dir));
  g.logging = doc.logging;
  g.links = doc.links;
  g.service = doc.service;
  g.changes = doc.changes;
  for (const config::node_section& n : doc.nodes) {
    node_spec node;
    node.name = n.settings.name;
    for (const std::string& text : n.settings.listen) node.listen.push_back(resolve_listen(text, g.state_dir));
    node.public_key = n.settings.public_key;
    node.enrol = n.settings.enrol;
    node.insecure = n.settings.insecure;
    node.threads = n.settings.threads;
    node.stop_within = n.settings.stop_within;
    node.at = n.at;
    node.name_at = n.name_at;
    node.listen_at = n.listen_at;
    node.public_key_at = n.public_key_at;
    node.enrol_at = n.enrol_at;
    g.nodes.push_back(std::move(node));
  }
  std::uint32_t next_device = 1;
  for (const config::role_section& r : doc.roles) {
    if (g.roles.size() + r.entry.replicas > most_roles) {
      out.add(r.at, "roles.replicas", "more than " + std::to_string(most_roles) + " roles in all");
      break;
    }
    for (std::uint32_t i = 0; i < r.entry.replicas; ++i) {
      role_spec role;
      role.node = r.entry.node;
      role.spread = r.entry.replicas > 1;
      role.name = role.spread ? r.entry.name + "-" + std::to_string(i + 1) : r.entry.name;
      role.settings = r.settings;
      role.at = r.at;
      role.node_at = r.node_at;
      role.name_at = r.name_at;
      role.device_id_at = r.device_id_at;
      if (r.entry.device_id != 0) {
        role.device = device_id(r.entry.device_id + i);
      } else if (role.kind() == role_kind::device) {
        role.device = device_id(next_device);
      }
      if (role.kind() == role_kind::device) ++next_device;
      fill_state_dir(role, g.state_dir, options.base_dir);
      g.roles.push_back(std::move(role));
    }
  }
  leave_out(g, doc.general.drained, out);
  return g;
}

result<graph> load_graph(std::string_view text, const load_options& options) {
  config::problems found(options.file);
  const auto doc = config::read_document(text, found);
  if (!doc) return found.as_error();
  graph g = graph_of(*doc, options, found);
  validate(g, doc->all_entries_read, found);
  if (!found.empty()) return found.as_error();
  return g;
}

result<graph> load_graph_file(const load_options& options) {
  FRESHET_TRY_ASSIGN(const std::string text, config::read_text_file(options.file));
  return load_graph(text, options);
}

}  // namespace freshet::topology

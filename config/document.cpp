#include "config/document.hpp"

#include <array>
#include <utility>

#include "config/parse.hpp"
#include "config/schema.hpp"
#include "config/value.hpp"

namespace freshet::config {
namespace {

// Far beyond any fleet that one document describes by hand; bounds the work on a hostile file.
constexpr std::size_t most_entries = 10'000;

template <std::size_t... I>
std::vector<role_settings> defaults_of_kinds(std::index_sequence<I...>) {
  return {role_settings(std::in_place_index<I>)...};
}

void read_settings(const value& given, const std::string& path, role_settings& into, problems& out) {
  std::visit(
      [&](auto& settings) { schema_of<std::decay_t<decltype(settings)>>().read(given, path, settings, out); }, into);
}

/// The tables of [[name]]; reports whatever else stands there.
std::vector<const value*> entries_of(const value& root, const std::string& name, problems& out) {
  std::vector<const value*> entries;
  const value* list = root.find(name);
  if (list == nullptr) return entries;
  if (list->kind != value_kind::list) {
    out.add(list->at, name, show(*list) + " is not a list of tables; write [[" + name + "]] before each");
    return entries;
  }
  if (list->items.size() > most_entries) {
    out.add(list->at, name, std::to_string(list->items.size()) + " entries; at most " + std::to_string(most_entries));
    return entries;
  }
  for (const value& item : list->items) {
    if (item.kind == value_kind::table) {
      entries.push_back(&item);
    } else {
      out.add(item.at, name, show(item) + " is not a table; write [[" + name + "]] before each");
    }
  }
  return entries;
}

position place(const value& table, std::string_view key) {
  const value* v = table.find(key);
  return v == nullptr ? table.at : v->at;
}

node_section read_node(const value& given, problems& out) {
  node_section node;
  node.at = given.at;
  schema_of<node_settings>().read(given, "nodes", node.settings, out);
  node.name_at = place(given, "name");
  node.public_key_at = place(given, "public_key");
  node.enrol_at = place(given, "enrol");
  if (const value* listen = given.find("listen"); listen != nullptr && listen->kind == value_kind::list)
    for (const value& endpoint : listen->items) node.listen_at.push_back(endpoint.at);
  node.listen_at.resize(node.settings.listen.size(), given.at);
  return node;
}

/// Nothing when not even the kind is known.
std::optional<role_section> read_role(const value& given, const std::vector<role_settings>& of_kinds, problems& out) {
  role_section role;
  role.at = given.at;
  role.node_at = place(given, "node");
  role.name_at = place(given, "name");
  role.device_id_at = place(given, "device_id");

  // `settings` has another schema than the entry around it: by kind.
  value entry = given;
  const value* settings = nullptr;
  for (std::size_t i = 0; i < entry.keys.size(); ++i) {
    if (entry.keys[i] != "settings") continue;
    settings = &given.items[i];
    const auto offset = static_cast<std::ptrdiff_t>(i);
    entry.keys.erase(entry.keys.begin() + offset);
    entry.key_at.erase(entry.key_at.begin() + offset);
    entry.items.erase(entry.items.begin() + offset);
    break;
  }
  schema_of<role_entry>().read(entry, "roles", role.entry, out);
  for (std::size_t k = 0; k < role_kinds().size(); ++k) {
    if (role_kinds()[k].name != role.entry.kind) continue;
    role.settings = of_kinds[k];
    if (settings != nullptr) read_settings(*settings, "roles.settings", role.settings, out);
    if (role.entry.name.empty()) role.entry.name = role.entry.kind;
    return role;
  }
  return std::nullopt;
}

}  // namespace

std::optional<document> read_document(std::string_view text, problems& out) {
  std::optional<value> root = parse_toml(text, out);
  if (!root) return std::nullopt;
  document doc;

  // The top level holds its own settings beside the tables.
  std::vector<std::string> known = schema_of<general_settings>().names();
  value general;
  general.at = root->at;
  for (const std::string& key : known) {
    if (const value* v = root->find(key)) {
      general.keys.push_back(key);
      general.key_at.push_back(root->place_of(key));
      general.items.push_back(*v);
    }
  }
  schema_of<general_settings>().read(general, "", doc.general, out);

  for (const char* table : {"logging", "links", "service", "changes", "nodes", "roles"}) known.emplace_back(table);
  for (const choice& kind : role_kinds()) known.push_back(kind.name);
  report_unknown_keys(*root, "", known, out);

  if (const value* v = root->find("logging")) schema_of<logging_settings>().read(*v, "logging", doc.logging, out);
  if (const value* v = root->find("links")) schema_of<link_settings>().read(*v, "links", doc.links, out);
  if (const value* v = root->find("service")) schema_of<service_settings>().read(*v, "service", doc.service, out);
  if (const value* v = root->find("changes")) schema_of<changes_settings>().read(*v, "changes", doc.changes, out);

  std::vector<role_settings> of_kinds = defaults_of_kinds(std::make_index_sequence<std::variant_size_v<role_settings>>());
  for (std::size_t k = 0; k < of_kinds.size(); ++k)
    if (const value* v = root->find(role_kinds()[k].name)) read_settings(*v, role_kinds()[k].name, of_kinds[k], out);

  const std::size_t before = out.size();
  for (const value* entry : entries_of(*root, "nodes", out)) doc.nodes.push_back(read_node(*entry, out));
  for (const value* entry : entries_of(*root, "roles", out)) {
    if (auto role = read_role(*entry, of_kinds, out)) doc.roles.push_back(std::move(*role));
  }
  doc.all_entries_read = out.size() == before;
  return doc;
}

}  // namespace freshet::config

#include "tools/freshet/commands/keys_actions.hpp"

#include <pwd.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <iostream>
#include <vector>

#include "actors/access/private_file.hpp"
#include "topology/message/address.hpp"

namespace freshet::cli {

using nlohmann::json;

std::int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string whoami() {
  const passwd* entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : "uid " + std::to_string(::geteuid());
}

std::string time_text(std::int64_t seconds) {
  if (seconds == 0) return "–";
  const auto t = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&t, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

json time_json(std::int64_t seconds) { return seconds == 0 ? json() : json(time_text(seconds)); }

rt::key_owner owner_of(const std::string& node) { return {node, topology::is_console_name(node)}; }

error usage(const std::string& what) { return {errc::invalid_argument, what}; }

result<const topology::node_spec*> listener(const topology::graph& g, const std::string& on) {
  std::vector<const topology::node_spec*> found;
  for (const auto& node : g.nodes)
    if (!node.public_key.empty() && (on.empty() || node.name == on)) found.push_back(&node);
  if (found.size() == 1) return found.front();
  if (!found.empty()) return usage("several nodes let others in; say which with --on NODE");
  if (!on.empty()) return usage("node " + on + " is not one that lets others in by key (nodes.public_key)");
  return usage(g.file + ": no node has a public_key, so none lets others in by key; local sockets need no keys");
}

result<access::access_list> open_list(const topology::graph& g, const std::string& on) {
  FRESHET_TRY_ASSIGN(const topology::node_spec* node, listener(g, on));
  const auto file = access::access_file(g.state_dir, node->name);
  FRESHET_TRY(access::make_private_folder(file.parent_path()));
  return access::access_list::open(file);
}

result<std::filesystem::path> artefact_file(const topology::graph& g) {
  const auto roles = g.roles_of(topology::role_kind::deployer);
  if (roles.empty()) return error{errc::not_found, g.file + ": no deployer, so nothing is signed"};
  return access::artefact_key_file(std::get<config::deployer_settings>(roles.front()->settings).key_dir);
}

void print_artefact_keys(const access::artefact_keys& keys) {
  for (const auto& key : keys.trusted().keys) {
    const bool signs = key.id() == keys.signer().open_half().id();
    std::cout << "artefact key  " << delta::text_of(key.id()) << "  " << (signs ? "signs" : "trusted") << '\n';
  }
}

json json_of(const access::artefact_keys& keys) {
  json all = json::array();
  for (const auto& key : keys.trusted().keys)
    all.push_back({{"id", delta::text_of(key.id())}, {"signs", key.id() == keys.signer().open_half().id()}});
  return all;
}

void tell(const keys_options& o, const json& object, const std::string& sentence) {
  if (o.as_json) {
    std::cout << object.dump() << '\n';
  } else {
    std::cout << sentence << '\n';
  }
}

}  // namespace freshet::cli

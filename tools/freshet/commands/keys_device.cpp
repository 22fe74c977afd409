// freshet keys join, rotate: on the host of the node that the key is for.
#include <chrono>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "actors/access/key_file.hpp"
#include "actors/access/private_file.hpp"
#include "actors/port/enrolment_client.hpp"
#include "kernels/base/hex.hpp"
#include "tools/freshet/commands/keys_actions.hpp"

namespace freshet::cli {

using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds desk_patience{10'000};

result<port::desk> desk_of(const topology::graph& g, const std::string& on) {
  FRESHET_TRY_ASSIGN(const topology::node_spec* node, listener(g, on));
  if (node->enrol.empty()) return usage("node " + node->name + " has no desk (nodes.enrol); enrol keys there by hand");
  return port::desk{node->name, node->enrol, from_hex(node->public_key).value_or("")};
}

/// Puts the list of trusted artefact keys where the node's devices look for it; which files those are, and which of
/// them have to be brought by hand because the desk had no list.
struct trusted_files {
  std::vector<std::string> written;
  std::vector<std::string> missing;
};
result<trusted_files> take_trusted(const topology::graph& g, const std::string& node, const std::string& text) {
  trusted_files out;
  for (const topology::role_spec* role : g.roles_on(node)) {
    const auto* device = std::get_if<config::device_settings>(&role->settings);
    if (device == nullptr) continue;
    if (text.empty()) {
      out.missing.push_back(device->trusted_keys);
      continue;
    }
    FRESHET_TRY(delta::read_trust_list(text, "the desk's answer"));
    const std::filesystem::path file = device->trusted_keys;
    FRESHET_TRY(access::make_private_folder(file.parent_path()));
    FRESHET_TRY(access::write_private_file(file, text, access::existing::replace));
    out.written.push_back(file.string());
  }
  return out;
}

}  // namespace

result<void> join_cloud(const keys_options& o) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(o.topology));
  FRESHET_TRY_ASSIGN(const port::desk desk, desk_of(topology.graph, o.on));
  const auto file = access::link_key_file(topology.graph.state_dir, o.node);
  FRESHET_TRY(access::make_private_folder(file.parent_path()));
  auto keys = access::read_link_keys(file);
  if (!keys && keys.err().code == errc::not_found) {
    keys = access::draw_link_keys();
    FRESHET_TRY(access::write_link_keys(file, *keys, access::existing::keep));
  }
  if (!keys) return keys.err();
  FRESHET_TRY_ASSIGN(const auto reply, port::ask_enrolment(desk, *keys, {o.node, o.token, {}}, desk_patience));
  if (!reply.accepted) return error{errc::invalid_argument, "node " + desk.node + " refuses: " + reply.why};
  FRESHET_TRY_ASSIGN(const trusted_files files, take_trusted(topology.graph, o.node, reply.trusted));
  const std::string open = to_hex(keys->public_key);
  std::string said = "node " + o.node + " is enrolled with key " + open;
  for (const std::string& name : files.written) said += "\ntrusted artefact keys are in " + name;
  for (const std::string& name : files.missing)
    said += "\nThe desk has no artefact keys: copy `freshet keys list --artefacts` of the deployer's host to " + name;
  tell(o, {{"node", o.node}, {"public_key", open}, {"trusted_keys", files.written}, {"trusted_keys_missing", files.missing}},
       said);
  return {};
}

result<void> rotate_artefact_keys(const keys_options& o) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(o.topology));
  FRESHET_TRY_ASSIGN(const auto file, artefact_file(topology.graph));
  FRESHET_TRY_ASSIGN(access::artefact_keys keys, access::artefact_keys::read(file));
  FRESHET_TRY(keys.rotate());
  FRESHET_TRY(keys.write(file));
  if (o.as_json) {
    std::cout << json{{"artefact_keys", json_of(keys)}}.dump() << '\n';
    return {};
  }
  print_artefact_keys(keys);
  std::cout << "Devices hear of it with their next report. Once all have, `freshet keys revoke` the old one.\n";
  return {};
}

result<void> rotate_link_key(const keys_options& o) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(o.topology));
  FRESHET_TRY_ASSIGN(const port::desk desk, desk_of(topology.graph, o.on));
  const auto file = access::link_key_file(topology.graph.state_dir, o.node);
  FRESHET_TRY_ASSIGN(const rt::link_keys old, access::read_link_keys(file));
  // On the disk before the desk hears of it: whatever dies in between, no allowed key is lost.
  const std::filesystem::path beside = file.string() + ".next";
  auto next = access::read_link_keys(beside);
  if (!next && next.err().code == errc::not_found) {
    next = access::draw_link_keys();
    FRESHET_TRY(access::write_link_keys(beside, *next, access::existing::keep));
  }
  if (!next) return next.err();
  FRESHET_TRY_ASSIGN(const auto reply,
                     port::ask_enrolment(desk, old, {o.node, {}, {next->public_key.begin(), next->public_key.end()}},
                                         desk_patience));
  if (!reply.accepted) return error{errc::invalid_argument, "node " + desk.node + " refuses: " + reply.why};
  FRESHET_TRY(access::write_link_keys(file, *next, access::existing::replace));
  std::error_code ignored;
  std::filesystem::remove(beside, ignored);
  const std::string open = to_hex(next->public_key);
  const std::string former = to_hex(old.public_key);
  tell(o, {{"node", o.node}, {"public_key", open}, {"former_public_key", former}},
       "node " + o.node + " has key " + open + " from its next start on.\nThen, on the host of " + desk.node +
           ": `freshet keys revoke " + former + "`.");
  return {};
}

}  // namespace freshet::cli

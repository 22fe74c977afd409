// freshet keys enrol, token, revoke: on the host of the node that lets others in.
#include <algorithm>
#include <iostream>

#include "config/quantity.hpp"
#include "config/schema/node.hpp"
#include "kernels/base/hex.hpp"
#include "tools/freshet/commands/keys_actions.hpp"

namespace freshet::cli {

using nlohmann::json;

namespace {

constexpr std::size_t link_key_digits = 64;

}  // namespace

result<void> enrol_key(const keys_options& o) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(o.topology));
  FRESHET_TRY_ASSIGN(access::access_list list, open_list(topology.graph, o.on));
  const auto key = from_hex(o.key);
  if (!key || o.key.size() != link_key_digits)
    return usage("\"" + o.key + "\": " + config::public_key_problem(o.key));
  const rt::key_owner owner = owner_of(o.node);
  if (!owner.console && topology.graph.find_node(o.node) == nullptr)
    return usage(topology.graph.file + ": no node " + o.node + "; a key speaks for a node of the topology, or for console-NAME");
  FRESHET_TRY(list.allow(*key, owner, now_s(), whoami()));
  tell(o, {{"node", o.node}, {"public_key", o.key}, {"state", "allowed"}}, "key " + o.key + " may speak for " + o.node);
  return {};
}

result<void> give_token(const keys_options& o) {
  const auto lifetime = config::parse_duration(o.lifetime);
  if (!lifetime || lifetime->count() < 1000) return usage("--for " + o.lifetime + ": a duration of a second or more is right");
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(o.topology));
  FRESHET_TRY_ASSIGN(access::access_list list, open_list(topology.graph, o.on));
  const rt::key_owner owner = owner_of(o.node);
  if (!owner.console && topology.graph.find_node(o.node) == nullptr)
    return usage(topology.graph.file + ": no node " + o.node);
  FRESHET_TRY_ASSIGN(const std::string given, list.give_token(owner, now_s(), lifetime->count() / 1000, whoami()));
  if (o.as_json) {
    std::cout << json{{"node", o.node}, {"token", given}, {"expires_at", time_text(now_s() + lifetime->count() / 1000)}}.dump()
              << '\n';
  } else {
    std::cout << given << '\n';
    std::cerr << "Good once, within " << o.lifetime << ", for node " << o.node << ". It is shown only here.\n";
  }
  return {};
}

result<void> revoke_key(const keys_options& o) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(o.topology));
  const auto key = from_hex(o.key);
  if (!key) return usage("\"" + o.key + "\" is no key; `freshet keys list` shows them");
  if (key->size() == delta::key_id_bytes) {
    FRESHET_TRY_ASSIGN(const auto file, artefact_file(topology.graph));
    FRESHET_TRY_ASSIGN(access::artefact_keys keys, access::artefact_keys::read(file));
    delta::key_id id{};
    std::copy(key->begin(), key->end(), id.begin());
    FRESHET_TRY(keys.revoke(id));
    FRESHET_TRY(keys.write(file));
    tell(o, {{"id", o.key}, {"state", "revoked"}},
         "artefact key " + o.key + " is revoked; devices hear of it with their next report");
    return {};
  }
  FRESHET_TRY_ASSIGN(access::access_list list, open_list(topology.graph, o.on));
  FRESHET_TRY(list.revoke(*key, now_s(), whoami()));
  tell(o, {{"public_key", o.key}, {"state", "revoked"}},
       "key " + o.key + " is revoked; a running daemon refuses it within a second");
  return {};
}

}  // namespace freshet::cli

// freshet keys list: keys, tokens and artefact keys, with who and when.
#include <iostream>
#include <vector>

#include "kernels/base/hex.hpp"
#include "tools/freshet/commands/keys_actions.hpp"

namespace freshet::cli {

using nlohmann::json;

namespace {

json json_of(const access::listed_key& k) {
  return {{"node", k.node},          {"kind", k.console ? "console" : "node"},
          {"public_key", to_hex(k.public_key)}, {"state", k.revoked_at == 0 ? "allowed" : "revoked"},
          {"added_at", time_json(k.added_at)},  {"added_by", k.added_by},
          {"revoked_at", time_json(k.revoked_at)}, {"revoked_by", k.revoked_by}};
}

std::string state_of(const access::listed_token& t) {
  if (t.used_at != 0) return "used";
  return now_s() >= t.expires_at ? "expired" : "open";
}

json json_of(const access::listed_token& t) {
  return {{"node", t.node},         {"kind", t.console ? "console" : "node"}, {"id", t.id},
          {"state", state_of(t)},   {"given_at", time_json(t.given_at)},      {"given_by", t.given_by},
          {"expires_at", time_json(t.expires_at)}, {"used_at", time_json(t.used_at)}};
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text + "  ";
}

}  // namespace

result<void> list_keys(const keys_options& o) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(o.topology));
  FRESHET_TRY_ASSIGN(const auto file, artefact_file(topology.graph));
  const auto artefacts = access::artefact_keys::read(file);
  if (!artefacts && artefacts.err().code != errc::not_found) return artefacts.err();
  if (o.artefacts) {
    if (!artefacts) return artefacts.err();
    // As a device's file of trusted keys: to be copied where no desk brings it.
    std::cout << delta::text_of(artefacts->trusted());
    return {};
  }
  std::vector<access::listed_key> keys;
  std::vector<access::listed_token> tokens;
  if (auto of = listener(topology.graph, o.on); of.ok()) {
    FRESHET_TRY_ASSIGN(access::access_list l, open_list(topology.graph, o.on));
    FRESHET_TRY_ASSIGN(keys, l.keys());
    FRESHET_TRY_ASSIGN(tokens, l.tokens());
  } else if (!o.on.empty() || !artefacts) {
    return of.err();
  }
  if (o.as_json) {
    json all{{"keys", json::array()}, {"tokens", json::array()}, {"artefact_keys", json::array()}};
    for (const auto& k : keys) all["keys"].push_back(json_of(k));
    for (const auto& t : tokens) all["tokens"].push_back(json_of(t));
    if (artefacts) {
      all["trusted_serial"] = artefacts->trusted().serial;
      all["artefact_keys"] = json_of(*artefacts);
    }
    std::cout << all.dump() << '\n';
    return {};
  }
  for (const auto& k : keys) {
    std::cout << padded(k.node, 20) << padded(k.revoked_at == 0 ? "allowed" : "revoked", 8) << to_hex(k.public_key)
              << "  since " << time_text(k.revoked_at == 0 ? k.added_at : k.revoked_at) << " by "
              << (k.revoked_at == 0 ? k.added_by : k.revoked_by) << '\n';
  }
  for (const auto& t : tokens) {
    std::cout << padded(t.node, 20) << padded("token " + state_of(t), 14) << t.id << "  until "
              << time_text(t.expires_at) << " by " << t.given_by << '\n';
  }
  if (artefacts) print_artefact_keys(*artefacts);
  return {};
}

}  // namespace freshet::cli

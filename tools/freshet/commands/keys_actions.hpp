// What `freshet keys` does, apart from how it is said on the command line (keys.cpp).
// Thread contract: one thread; each function is one command.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "actors/access/access_list.hpp"
#include "actors/access/artefact_keys.hpp"
#include "actors/rt/link_security.hpp"
#include "kernels/base/result.hpp"
#include "tools/freshet/commands/topology_options.hpp"

namespace freshet::cli {

struct keys_options {
  topology_options topology;
  std::string node;
  std::string key;
  std::string on;
  std::string token;
  std::string lifetime = "24h";
  bool artefacts = false;
  bool as_json = false;
};

// keys_new.cpp
result<void> make_link_key(const keys_options& o);
result<void> make_artefact_keys(const keys_options& o);
// keys_list.cpp
result<void> list_keys(const keys_options& o);
// keys_access.cpp: where the list is
result<void> enrol_key(const keys_options& o);
result<void> give_token(const keys_options& o);
result<void> revoke_key(const keys_options& o);
// keys_device.cpp: where the key is
result<void> join_cloud(const keys_options& o);
result<void> rotate_link_key(const keys_options& o);
result<void> rotate_artefact_keys(const keys_options& o);

// keys_common.cpp: what they share.
[[nodiscard]] std::int64_t now_s();
[[nodiscard]] std::string whoami();
/// UTC; a dash for 0, which means never.
[[nodiscard]] std::string time_text(std::int64_t seconds);
/// Likewise; null for 0.
[[nodiscard]] nlohmann::json time_json(std::int64_t seconds);
[[nodiscard]] rt::key_owner owner_of(const std::string& node);
[[nodiscard]] error usage(const std::string& what);
/// The node whose list is meant: the only one that lets others in, or the one of --on.
result<const topology::node_spec*> listener(const topology::graph& g, const std::string& on);
result<access::access_list> open_list(const topology::graph& g, const std::string& on);
result<std::filesystem::path> artefact_file(const topology::graph& g);
void print_artefact_keys(const access::artefact_keys& keys);
[[nodiscard]] nlohmann::json json_of(const access::artefact_keys& keys);
/// For programs the object, for people the sentence.
void tell(const keys_options& o, const nlohmann::json& object, const std::string& sentence);

}  // namespace freshet::cli

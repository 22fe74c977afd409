// Key pairs as files of their owner: one of a link (Curve25519), or one that signs artefacts
// (Ed25519). A file whose halves do not belong together is refused.
//
//   freshet-key 1
//   kind link | artefact
//   public HEX
//   secret HEX
//
// Thread contract: plain functions on the file system.
#pragma once

#include "actors/access/private_file.hpp"
#include "actors/rt/link_security.hpp"
#include "kernels/base/result.hpp"
#include "kernels/delta/ed25519.hpp"

#include <filesystem>
#include <string>

namespace freshet::access {

[[nodiscard]] rt::link_keys draw_link_keys();

result<void> write_link_keys(const std::filesystem::path& file, const rt::link_keys& keys, existing what);
result<rt::link_keys> read_link_keys(const std::filesystem::path& file);

result<void> write_signing_key(const std::filesystem::path& file, const delta::signing_key& key, existing what);
result<delta::signing_key> read_signing_key(const std::filesystem::path& file);

/// Where a node's link keys lie: STATE/NODE/link.key.
[[nodiscard]] std::filesystem::path link_key_file(const std::string& state_dir, const std::string& node);

}  // namespace freshet::access

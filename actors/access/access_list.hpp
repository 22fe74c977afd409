// Who may come in: the public keys that a node lets in and whom each speaks for, and the one-time
// tokens that bring new ones. A file of records beside the node's state; the CLI and the running
// daemon open it at the same time.
//
//   key:   allowed ─▶ revoked, for good          token: given ─▶ used once, or expired
//
// Two keys may speak for one node: so a key is replaced without a gap. Only the hash of a token is
// kept. Times are seconds since 1970, told by the caller.
// Thread contract: one owner; one thread at a time.
#pragma once

#include "actors/rt/link_security.hpp"
#include "actors/store/database.hpp"
#include "kernels/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace freshet::access {

struct listed_key {
  std::string public_key;  ///< 32 bytes
  std::string node;
  bool console = false;
  std::int64_t added_at = 0;
  std::string added_by;         ///< who, or "token ID"
  std::int64_t revoked_at = 0;  ///< 0: allowed
  std::string revoked_by;
};

struct listed_token {
  std::string id;  ///< 16 hexadecimal digits; no part of the secret
  std::string node;
  bool console = false;
  std::int64_t given_at = 0;
  std::string given_by;
  std::int64_t expires_at = 0;
  std::int64_t used_at = 0;  ///< 0: not yet
};

class access_list {
 public:
  /// Opens or makes the file (0600); its folder must exist.
  static result<access_list> open(const std::filesystem::path& file);

  /// A key that is listed for another node, or revoked, is refused.
  result<void> allow(const std::string& public_key, const rt::key_owner& owner, std::int64_t now,
                     const std::string& by);
  /// Refused when it is not listed; a second time it changes nothing.
  result<void> revoke(const std::string& public_key, std::int64_t now, const std::string& by);
  [[nodiscard]] result<std::vector<listed_key>> keys();
  /// The allowed ones alone.
  [[nodiscard]] result<std::map<std::string, rt::key_owner>> allowed();

  /// The token itself, which is written down nowhere.
  result<std::string> give_token(const rt::key_owner& owner, std::int64_t now, std::int64_t lifetime_s,
                                 const std::string& by);
  /// Uses the token up and allows the key, or neither.
  result<rt::key_owner> redeem(const std::string& token, const std::string& public_key, const std::string& node,
                               std::int64_t now);
  [[nodiscard]] result<std::vector<listed_token>> tokens();

  /// Changes whenever another process has committed something.
  [[nodiscard]] result<std::int64_t> foreign_changes();

 private:
  explicit access_list(store::database db) : db_(std::move(db)) {}
  result<void> allow_in_transaction(const std::string& public_key, const rt::key_owner& owner, std::int64_t now,
                                    const std::string& by);
  store::database db_;
};

/// STATE/NODE/access.sqlite, of a node that lets others in.
[[nodiscard]] std::filesystem::path access_file(const std::string& state_dir, const std::string& node);

}  // namespace freshet::access

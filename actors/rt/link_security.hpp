// What a node's encrypted links need: its own key pair, the public keys of those that it connects
// to, and who may come in. Keys are 32 bytes of Curve25519, as ZeroMQ's CURVE takes them.
#pragma once

#include "actors/rt/residents.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace freshet::rt {

struct link_keys {
  std::string public_key;
  std::string secret_key;
};

/// Whom an allowed key speaks for.
struct key_owner {
  std::string node;
  bool console = false;  ///< an operator's: reads figures, and may add "-something" to its name
};

/// The list of allowed keys as it is now. Others change it while we look.
/// Thread contract: any thread.
class key_ring {
 public:
  virtual ~key_ring() = default;
  /// Nothing for a key that is unknown or revoked.
  [[nodiscard]] virtual std::optional<key_owner> find(const std::string& public_key) const = 0;
  /// Differs whenever the list has changed.
  [[nodiscard]] virtual std::uint64_t revision() const = 0;
};

struct link_security {
  std::optional<link_keys> own;
  /// Node -> the public key that it must have: these are connected to with CURVE.
  std::map<std::string, std::string> servers;
  /// With it, every tcp endpoint that we listen on is a CURVE server and lets in only these. Needs `own`.
  std::shared_ptr<const key_ring> allowed;
  /// Empty: every role of a node may speak, for every device.
  std::shared_ptr<const residents> known;
};

}  // namespace freshet::rt

// Signatures that devices check: Ed25519ph (RFC 8032), which takes the signed bytes piece by piece.
// Keys are named by a short id, so that a verifier finds the right one among several.
// Thread contract: plain values and pure functions; drawing a key asks the system for randomness.
#pragma once

#include "kernels/base/fields.hpp"
#include "kernels/base/result.hpp"
#include "kernels/delta/bytes.hpp"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace freshet::delta {

inline constexpr std::size_t key_id_bytes = 8;
inline constexpr std::size_t ed25519_bytes = 64;  ///< of a signature

// Found by argument-dependent lookup from anywhere.
using freshet::operator==;
using freshet::operator!=;

using key_id = std::array<std::uint8_t, key_id_bytes>;
using ed25519_signature = std::array<std::uint8_t, ed25519_bytes>;

struct verify_key {
  std::array<std::uint8_t, 32> bytes{};
  FRESHET_FIELDS(bytes)

  /// The first bytes of BLAKE2b over the key.
  [[nodiscard]] key_id id() const;
};

/// The secret half. Erased when it goes.
class signing_key {
 public:
  [[nodiscard]] static signing_key draw();
  [[nodiscard]] static signing_key from_seed(const std::array<std::uint8_t, 32>& seed);
  ~signing_key();
  signing_key(const signing_key&) = default;
  signing_key& operator=(const signing_key&) = default;

  [[nodiscard]] const verify_key& open_half() const noexcept { return open_; }
  [[nodiscard]] std::array<std::uint8_t, 32> seed() const;
  /// Over the pieces one after the other.
  [[nodiscard]] ed25519_signature sign(std::initializer_list<byte_view> pieces) const;

 private:
  signing_key() = default;
  std::array<std::uint8_t, 64> secret_{};
  verify_key open_;
};

[[nodiscard]] bool verify(const verify_key& key, std::initializer_list<byte_view> pieces,
                          const ed25519_signature& signature);

/// As `freshet keys` shows it: 16 hexadecimal digits.
[[nodiscard]] std::string text_of(const key_id& id);

}  // namespace freshet::delta

// Whose artefacts a device takes: a list of public keys with a serial number. A new list is a
// statement, signed by a key of the list before it, and devices take lists in order; so keys come
// and go without a day on which all must change, and a device that was away follows the chain.
//
//   statement := "FRTK"  format:u8 = 1  serial:u64  keys:u8 (1 to 8)  each 32 bytes
//                signer:8 bytes (its key id)  Ed25519ph of "freshet trust\0" and all before it: 64 bytes
//   text      := the list as a file for people: "freshet-trusted-keys 1", "serial N", "key HEX" …, one a line
//
// The first list is not signed: it comes with the device's enrolment, over a link that knows the
// server. Plain values and pure functions.
#pragma once

#include "kernels/base/fields.hpp"
#include "kernels/base/result.hpp"
#include "kernels/delta/bytes.hpp"
#include "kernels/delta/ed25519.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::delta {

inline constexpr std::size_t most_trusted_keys = 8;

struct trust_list {
  std::uint64_t serial = 1;  ///< from 1
  std::vector<verify_key> keys;
  FRESHET_FIELDS(serial, keys)

  [[nodiscard]] const verify_key* find(const key_id& id) const;
};

/// `signer` must be a key of the list before `next`.
[[nodiscard]] std::vector<std::uint8_t> make_statement(const trust_list& next, const signing_key& signer);
/// The list in a statement that follows `present`: its next serial, signed by one of its keys.
[[nodiscard]] result<trust_list> follow_statement(byte_view statement, const trust_list& present);

[[nodiscard]] std::string text_of(const trust_list& list);
/// `file` is what errors call the text.
[[nodiscard]] result<trust_list> read_trust_list(std::string_view text, const std::string& file);

}  // namespace freshet::delta

#include "kernels/delta/signed_artefact.hpp"

#include <algorithm>
#include <string_view>

namespace freshet::delta {
namespace {

constexpr std::string_view purpose("freshet artefact\0", 17);
constexpr std::size_t checksum_bytes = 8;

byte_view purpose_bytes() { return {reinterpret_cast<const std::uint8_t*>(purpose.data()), purpose.size()}; }

/// Whether the bytes end as a signed artefact does. An unsigned one that happens to look so in its
/// payload only fails the check of its signature.
bool looks_signed(byte_view encoded) {
  constexpr std::size_t tail = 1 + signature_bytes + checksum_bytes;
  return encoded.size > tail && encoded.data[encoded.size - tail] == signature_bytes;
}

}  // namespace

result<std::vector<std::uint8_t>> sign_artefact(byte_view encoded, const signing_key& key) {
  artefact_limits limits;
  limits.payload_bytes = encoded.size;
  FRESHET_TRY_ASSIGN(const artefact_view made, view_artefact(encoded, limits));
  const std::size_t tail = 1 + made.head.signature.size() + checksum_bytes;
  const byte_view covered(encoded.data, encoded.size - tail);
  byte_writer out;
  out.put_bytes(covered);
  out.put_bytes(signed_tail(covered, key));
  return out.take();
}

std::vector<std::uint8_t> signed_tail(byte_view signed_region, const signing_key& key) {
  const key_id id = key.open_half().id();
  const ed25519_signature signature = key.sign({purpose_bytes(), {id.data(), id.size()}, signed_region});
  byte_writer both;
  both.put_bytes({id.data(), id.size()});
  both.put_bytes({signature.data(), signature.size()});
  return artefact_tail(signed_region, both.bytes());
}

result<void> verify_artefact(byte_view encoded, const trust_list& trusted) {
  if (!looks_signed(encoded)) return {errc::invalid_argument, "the artefact is not signed"};
  const std::uint8_t* at = encoded.data + encoded.size - checksum_bytes - signature_bytes;
  key_id id{};
  std::copy_n(at, id.size(), id.begin());
  ed25519_signature signature{};
  std::copy_n(at + id.size(), signature.size(), signature.begin());
  const verify_key* key = trusted.find(id);
  if (key == nullptr) {
    return {errc::invalid_argument, "the artefact is signed by key " + text_of(id) + ", which is not trusted here"};
  }
  const byte_view covered(encoded.data, static_cast<std::size_t>(at - 1 - encoded.data));
  if (!verify(*key, {purpose_bytes(), {id.data(), id.size()}, covered}, signature)) {
    return {errc::hash_mismatch, "the artefact's signature by key " + text_of(id) + " does not fit its bytes"};
  }
  return {};
}

}  // namespace freshet::delta

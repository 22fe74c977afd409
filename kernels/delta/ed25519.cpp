#include "kernels/delta/ed25519.hpp"

#include "kernels/base/hex.hpp"

#include <algorithm>

#include <sodium.h>

namespace freshet::delta {
namespace {

void ready() {
  static const bool once = sodium_init() >= 0;
  FRESHET_ENSURE(once, "libsodium finds no source of randomness");
}

void feed(crypto_sign_state& state, std::initializer_list<byte_view> pieces) {
  crypto_sign_init(&state);
  for (const byte_view& piece : pieces) {
    if (piece.size > 0) crypto_sign_update(&state, piece.data, piece.size);
  }
}

}  // namespace

key_id verify_key::id() const {
  ready();
  // 16 bytes are the fewest that BLAKE2b gives here.
  std::array<std::uint8_t, crypto_generichash_BYTES_MIN> hash{};
  crypto_generichash(hash.data(), hash.size(), bytes.data(), bytes.size(), nullptr, 0);
  key_id out{};
  std::copy_n(hash.begin(), out.size(), out.begin());
  return out;
}

signing_key signing_key::draw() {
  ready();
  std::array<std::uint8_t, 32> seed{};
  randombytes_buf(seed.data(), seed.size());
  signing_key key = from_seed(seed);
  sodium_memzero(seed.data(), seed.size());
  return key;
}

signing_key signing_key::from_seed(const std::array<std::uint8_t, 32>& seed) {
  ready();
  signing_key key;
  crypto_sign_seed_keypair(key.open_.bytes.data(), key.secret_.data(), seed.data());
  return key;
}

signing_key::~signing_key() { sodium_memzero(secret_.data(), secret_.size()); }

std::array<std::uint8_t, 32> signing_key::seed() const {
  std::array<std::uint8_t, 32> out{};
  crypto_sign_ed25519_sk_to_seed(out.data(), secret_.data());
  return out;
}

ed25519_signature signing_key::sign(std::initializer_list<byte_view> pieces) const {
  crypto_sign_state state;
  feed(state, pieces);
  ed25519_signature out{};
  crypto_sign_final_create(&state, out.data(), nullptr, secret_.data());
  return out;
}

bool verify(const verify_key& key, std::initializer_list<byte_view> pieces, const ed25519_signature& signature) {
  ready();
  crypto_sign_state state;
  feed(state, pieces);
  // The library's interface lacks the const.
  ed25519_signature copy = signature;
  return crypto_sign_final_verify(&state, copy.data(), key.bytes.data()) == 0;
}

std::string text_of(const key_id& id) { return to_hex({reinterpret_cast<const char*>(id.data()), id.size()}); }

}  // namespace freshet::delta

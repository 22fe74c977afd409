#include "actors/access/key_file.hpp"

#include "kernels/base/hex.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include <sodium.h>

namespace freshet::access {
namespace {

constexpr std::size_t half_bytes = 32;

struct halves {
  std::string open;
  std::string secret;
};

std::string_view after(std::string_view& text, std::string_view word) {
  if (text.substr(0, word.size()) != word) return {};
  text.remove_prefix(word.size());
  const std::size_t end = text.find('\n');
  const std::string_view rest = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return rest;
}

result<void> write_halves(const std::filesystem::path& file, const char* kind, const halves& h, existing what) {
  return write_private_file(
      file,
      std::string("freshet-key 1\nkind ") + kind + "\npublic " + to_hex(h.open) + "\nsecret " + to_hex(h.secret) + "\n",
      what);
}

result<halves> read_halves(const std::filesystem::path& file, std::string_view kind) {
  FRESHET_TRY_ASSIGN(const std::string whole, read_private_file(file));
  std::string_view text = whole;
  const bool titled = after(text, "freshet-key ") == "1";
  const std::string_view found = after(text, "kind ");
  if (titled && !found.empty() && found != kind)
    return error{errc::invalid_argument, file.string() + " holds a key of kind " + std::string(found) + "; " +
                                             std::string(kind) + " is needed here"};
  const auto open = from_hex(after(text, "public "));
  const auto secret = from_hex(after(text, "secret "));
  if (!titled || found != kind || !open || open->size() != half_bytes || !secret || secret->size() != half_bytes ||
      !text.empty())
    return error{errc::corrupt, file.string() + " is no key file; `freshet keys new` writes one"};
  return halves{*open, *secret};
}

error torn(const std::filesystem::path& file) {
  return {errc::corrupt, file.string() + ": the public half does not belong to the secret one"};
}

}  // namespace

rt::link_keys draw_link_keys() {
  FRESHET_ENSURE(sodium_init() >= 0, "libsodium finds no source of randomness");
  rt::link_keys keys{std::string(half_bytes, '\0'), std::string(half_bytes, '\0')};
  crypto_box_keypair(reinterpret_cast<unsigned char*>(keys.public_key.data()),
                     reinterpret_cast<unsigned char*>(keys.secret_key.data()));
  return keys;
}

result<void> write_link_keys(const std::filesystem::path& file, const rt::link_keys& keys, existing what) {
  return write_halves(file, "link", {keys.public_key, keys.secret_key}, what);
}

result<rt::link_keys> read_link_keys(const std::filesystem::path& file) {
  FRESHET_TRY_ASSIGN(const halves h, read_halves(file, "link"));
  std::string open(half_bytes, '\0');
  const int made = crypto_scalarmult_base(reinterpret_cast<unsigned char*>(open.data()),
                                          reinterpret_cast<const unsigned char*>(h.secret.data()));
  if (made != 0 || open != h.open) return torn(file);
  return rt::link_keys{h.open, h.secret};
}

result<void> write_signing_key(const std::filesystem::path& file, const delta::signing_key& key, existing what) {
  const auto seed = key.seed();
  const auto& open = key.open_half().bytes;
  return write_halves(file, "artefact", {std::string(open.begin(), open.end()), std::string(seed.begin(), seed.end())},
                      what);
}

result<delta::signing_key> read_signing_key(const std::filesystem::path& file) {
  FRESHET_TRY_ASSIGN(const halves h, read_halves(file, "artefact"));
  std::array<std::uint8_t, half_bytes> seed{};
  std::copy(h.secret.begin(), h.secret.end(), seed.begin());
  delta::signing_key key = delta::signing_key::from_seed(seed);
  const auto& open = key.open_half().bytes;
  if (!std::equal(open.begin(), open.end(), h.open.begin(),
                  [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); }))
    return torn(file);
  return key;
}

std::filesystem::path link_key_file(const std::string& state_dir, const std::string& node) {
  return std::filesystem::path(state_dir) / node / "link.key";
}

}  // namespace freshet::access

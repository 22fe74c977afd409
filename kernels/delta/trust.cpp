#include "kernels/delta/trust.hpp"

#include "kernels/base/hex.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace freshet::delta {
namespace {

constexpr std::array<std::uint8_t, 4> magic{'F', 'R', 'T', 'K'};
constexpr std::uint8_t format_version = 1;
constexpr std::string_view trust_purpose("freshet trust\0", 14);
constexpr std::string_view title = "freshet-trusted-keys 1";

byte_view view_of(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

result<void> check_list(const trust_list& list, const std::string& what) {
  if (list.serial == 0) return {errc::corrupt, what + ": serials count from 1"};
  if (list.keys.empty() || list.keys.size() > most_trusted_keys) {
    return {errc::corrupt, what + ": " + std::to_string(list.keys.size()) + " keys; 1 to 8 are right"};
  }
  for (std::size_t i = 0; i < list.keys.size(); ++i) {
    if (std::count(list.keys.begin(), list.keys.end(), list.keys[i]) > 1) {
      return {errc::corrupt, what + ": key " + text_of(list.keys[i].id()) + " twice"};
    }
  }
  return {};
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

const verify_key* trust_list::find(const key_id& id) const {
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const verify_key& key) { return key.id() == id; });
  return found == keys.end() ? nullptr : &*found;
}

std::vector<std::uint8_t> make_statement(const trust_list& next, const signing_key& signer) {
  FRESHET_ENSURE(check_list(next, "list").ok(), "a list of 1 to 8 keys");
  byte_writer out;
  out.put_bytes({magic.data(), magic.size()});
  out.put(format_version);
  out.put(next.serial);
  out.put(static_cast<std::uint8_t>(next.keys.size()));
  for (const verify_key& key : next.keys) out.put_bytes({key.bytes.data(), key.bytes.size()});
  const key_id id = signer.open_half().id();
  out.put_bytes({id.data(), id.size()});
  const ed25519_signature signature = signer.sign({view_of(trust_purpose), out.bytes()});
  out.put_bytes({signature.data(), signature.size()});
  return out.take();
}

result<trust_list> follow_statement(byte_view statement, const trust_list& present) {
  byte_reader in(statement);
  FRESHET_TRY_ASSIGN(const byte_view first, in.get_bytes(magic.size(), "magic"));
  if (!std::equal(magic.begin(), magic.end(), first.data)) return error{errc::corrupt, "a statement begins with FRTK"};
  FRESHET_TRY_ASSIGN(const auto format, in.get<std::uint8_t>("format"));
  if (format != format_version) {
    return error{errc::unsupported, "statement format " + std::to_string(format) + "; 1 is known"};
  }
  trust_list next;
  FRESHET_TRY_ASSIGN(next.serial, in.get<std::uint64_t>("serial"));
  FRESHET_TRY_ASSIGN(const auto count, in.get<std::uint8_t>("keys"));
  if (count > most_trusted_keys) {
    return error{errc::too_large, "statement of " + std::to_string(count) + " keys; at most 8 are right"};
  }
  for (std::uint8_t i = 0; i < count; ++i) {
    FRESHET_TRY_ASSIGN(const byte_view key, in.get_bytes(32, "key"));
    std::copy_n(key.data, key.size, next.keys.emplace_back().bytes.begin());
  }
  key_id signer{};
  FRESHET_TRY_ASSIGN(const byte_view id, in.get_bytes(signer.size(), "signer"));
  std::copy_n(id.data, id.size, signer.begin());
  const byte_view covered(statement.data, in.position());
  ed25519_signature signature{};
  FRESHET_TRY_ASSIGN(const byte_view seal, in.get_bytes(signature.size(), "signature"));
  std::copy_n(seal.data, seal.size, signature.begin());
  if (in.left() != 0) return error{errc::corrupt, std::to_string(in.left()) + " bytes behind the statement"};
  const verify_key* key = present.find(signer);
  if (key == nullptr) {
    return error{errc::invalid_argument, "statement signed by key " + text_of(signer) + ", which is not trusted here"};
  }
  if (!verify(*key, {view_of(trust_purpose), covered}, signature)) {
    return error{errc::hash_mismatch, "the statement's signature does not fit"};
  }
  if (next.serial != present.serial + 1) {
    return error{errc::wrong_base, "statement " + std::to_string(next.serial) + "; the one after " +
                                       std::to_string(present.serial) + " is right"};
  }
  FRESHET_TRY(check_list(next, "statement"));
  return next;
}

std::string text_of(const trust_list& list) {
  std::string out = std::string(title) + "\nserial " + std::to_string(list.serial) + "\n";
  for (const verify_key& key : list.keys) {
    out += "key " + to_hex({reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size()}) + "\n";
  }
  return out;
}

result<trust_list> read_trust_list(std::string_view text, const std::string& file) {
  if (take_line(text) != title)
    return error{errc::corrupt, file + ": begins with \"" + std::string(title) + "\" when right"};
  trust_list list;
  const std::string_view second = take_line(text);
  constexpr std::string_view serial = "serial ";
  const char* end = second.data() + second.size();
  const bool named = second.substr(0, serial.size()) == serial;
  const auto parsed = std::from_chars(second.data() + (named ? serial.size() : 0), end, list.serial);
  if (!named || parsed.ec != std::errc{} || parsed.ptr != end) {
    return error{errc::corrupt, file + ":2: \"serial NUMBER\" is right"};
  }
  for (std::size_t number = 3; !text.empty(); ++number) {
    const std::string_view line = take_line(text);
    const auto bytes = line.substr(0, 4) == "key " ? from_hex(line.substr(4)) : std::nullopt;
    if (!bytes || bytes->size() != 32 || list.keys.size() == most_trusted_keys) {
      return error{errc::corrupt, file + ":" + std::to_string(number) +
                                      ": \"key\" and 64 hexadecimal digits are right, 1 "
                                      "to 8 times"};
    }
    std::copy(bytes->begin(), bytes->end(), list.keys.emplace_back().bytes.begin());
  }
  FRESHET_TRY(check_list(list, file));
  return list;
}

}  // namespace freshet::delta

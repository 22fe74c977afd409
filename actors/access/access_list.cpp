#include "actors/access/access_list.hpp"

#include "kernels/base/hex.hpp"
#include "topology/message/address.hpp"

#include <array>
#include <utility>

#include <sodium.h>

namespace freshet::access {
namespace {

constexpr std::size_t key_bytes = 32;
constexpr std::size_t token_bytes = 20;

const store::database::migrations steps = {
    "create table keys(public_key blob primary key, node text not null, console integer not null,"
    " added_at integer not null, added_by text not null, revoked_at integer not null default 0,"
    " revoked_by text not null default '') without rowid;"
    "create table tokens(hash blob primary key, node text not null, console integer not null,"
    " given_at integer not null, given_by text not null, expires_at integer not null,"
    " used_at integer not null default 0) without rowid;"};

std::vector<std::uint8_t> blob(const std::string& bytes) { return {bytes.begin(), bytes.end()}; }
std::string text(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

// Drawn from 160 bits, so that its hash needs no salt: nobody can try them all.
std::string hash_of(const std::string& token) {
  std::string hash(32, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(),
                     reinterpret_cast<const unsigned char*>(token.data()), token.size(), nullptr, 0);
  return hash;
}

std::string id_of(const std::string& hash) { return to_hex(hash.substr(0, 8)); }

result<void> check_owner(const rt::key_owner& owner) {
  if (owner.node.empty()) return {errc::invalid_argument, "a key speaks for a node; name one"};
  if (owner.console != topology::is_console_name(owner.node))
    return {errc::invalid_argument,
            "\"" + owner.node + "\": the names of consoles begin with console-, and no other node's does"};
  return {};
}

}  // namespace

result<access_list> access_list::open(const std::filesystem::path& file) {
  FRESHET_ENSURE(sodium_init() >= 0, "libsodium finds no source of randomness");
  FRESHET_TRY_ASSIGN(store::database db, store::database::open(file, steps));
  return access_list(std::move(db));
}

result<void> access_list::allow_in_transaction(const std::string& public_key, const rt::key_owner& owner,
                                               std::int64_t now, const std::string& by) {
  FRESHET_TRY(check_owner(owner));
  if (public_key.size() != key_bytes)
    return {errc::invalid_argument, "a public key of " + std::to_string(public_key.size()) + " bytes; 32 are right"};
  FRESHET_TRY_ASSIGN(store::statement seen, db_.prepare("select node, revoked_at from keys where public_key = ?"));
  seen.bind(blob(public_key));
  FRESHET_TRY_ASSIGN(const bool known, seen.step());
  if (known && seen.integer(1) != 0)
    return {errc::invalid_argument, "key " + to_hex(public_key) + " was revoked, which is for good; make another"};
  if (known && seen.text(0) != owner.node)
    return {errc::invalid_argument, "key " + to_hex(public_key) + " speaks for " + seen.text(0) + " already"};
  if (known) return {};
  FRESHET_TRY_ASSIGN(store::statement add,
                     db_.prepare("insert into keys(public_key, node, console, added_at, added_by) "
                                 "values(?, ?, ?, ?, ?)"));
  return add.bind(blob(public_key)).bind(owner.node).bind(std::int64_t{owner.console}).bind(now).bind(by).run();
}

result<void> access_list::allow(const std::string& public_key, const rt::key_owner& owner, std::int64_t now,
                                const std::string& by) {
  return db_.in_transaction([&] { return allow_in_transaction(public_key, owner, now, by); });
}

result<void> access_list::revoke(const std::string& public_key, std::int64_t now, const std::string& by) {
  return db_.in_transaction([&]() -> result<void> {
    FRESHET_TRY_ASSIGN(store::statement seen, db_.prepare("select revoked_at from keys where public_key = ?"));
    seen.bind(blob(public_key));
    FRESHET_TRY_ASSIGN(const bool known, seen.step());
    if (!known) return {errc::not_found, "key " + to_hex(public_key) + " is not in the list"};
    if (seen.integer(0) != 0) return {};
    FRESHET_TRY_ASSIGN(store::statement change,
                       db_.prepare("update keys set revoked_at = ?, revoked_by = ? where public_key = ?"));
    return change.bind(now).bind(by).bind(blob(public_key)).run();
  });
}

result<std::vector<listed_key>> access_list::keys() {
  std::vector<listed_key> all;
  FRESHET_TRY_ASSIGN(
      store::statement rows,
      db_.prepare("select public_key, node, console, added_at, added_by, revoked_at, revoked_by from keys "
                  "order by node, added_at, public_key"));
  for (;;) {
    FRESHET_TRY_ASSIGN(const bool row, rows.step());
    if (!row) return all;
    all.push_back({text(rows.bytes(0)), rows.text(1), rows.integer(2) != 0, rows.integer(3), rows.text(4),
                   rows.integer(5), rows.text(6)});
  }
}

result<std::map<std::string, rt::key_owner>> access_list::allowed() {
  FRESHET_TRY_ASSIGN(const std::vector<listed_key> all, keys());
  std::map<std::string, rt::key_owner> out;
  for (const listed_key& k : all)
    if (k.revoked_at == 0) out.emplace(k.public_key, rt::key_owner{k.node, k.console});
  return out;
}

result<std::string> access_list::give_token(const rt::key_owner& owner, std::int64_t now, std::int64_t lifetime_s,
                                            const std::string& by) {
  FRESHET_TRY(check_owner(owner));
  std::array<char, token_bytes> drawn{};
  randombytes_buf(drawn.data(), drawn.size());
  const std::string token = to_hex({drawn.data(), drawn.size()});
  FRESHET_TRY_ASSIGN(store::statement add,
                     db_.prepare("insert into tokens(hash, node, console, given_at, given_by, expires_at) "
                                 "values(?, ?, ?, ?, ?, ?)"));
  FRESHET_TRY(add.bind(blob(hash_of(token)))
                  .bind(owner.node)
                  .bind(std::int64_t{owner.console})
                  .bind(now)
                  .bind(by)
                  .bind(now + lifetime_s)
                  .run());
  return token;
}

result<rt::key_owner> access_list::redeem(const std::string& token, const std::string& public_key,
                                          const std::string& node, std::int64_t now) {
  rt::key_owner owner;
  const std::string hash = hash_of(token);
  const auto done = db_.in_transaction([&]() -> result<void> {
    FRESHET_TRY_ASSIGN(store::statement seen,
                       db_.prepare("select node, console, expires_at, used_at from tokens where hash = ?"));
    seen.bind(blob(hash));
    FRESHET_TRY_ASSIGN(const bool known, seen.step());
    if (!known) return {errc::not_found, "no such token was given out"};
    if (seen.integer(3) != 0) return {errc::invalid_argument, "the token was used before"};
    if (now >= seen.integer(2)) return {errc::timeout, "the token has expired"};
    if (seen.text(0) != node) return {errc::invalid_argument, "the token is for another node than " + node};
    owner = {seen.text(0), seen.integer(1) != 0};
    FRESHET_TRY(allow_in_transaction(public_key, owner, now, "token " + id_of(hash)));
    FRESHET_TRY_ASSIGN(store::statement use, db_.prepare("update tokens set used_at = ? where hash = ?"));
    return use.bind(now).bind(blob(hash)).run();
  });
  if (!done) return done.err();
  return owner;
}

result<std::vector<listed_token>> access_list::tokens() {
  std::vector<listed_token> all;
  FRESHET_TRY_ASSIGN(store::statement rows,
                     db_.prepare("select hash, node, console, given_at, given_by, expires_at, used_at from tokens "
                                 "order by given_at, hash"));
  for (;;) {
    FRESHET_TRY_ASSIGN(const bool row, rows.step());
    if (!row) return all;
    all.push_back({id_of(text(rows.bytes(0))), rows.text(1), rows.integer(2) != 0, rows.integer(3), rows.text(4),
                   rows.integer(5), rows.integer(6)});
  }
}

result<std::int64_t> access_list::foreign_changes() {
  FRESHET_TRY_ASSIGN(store::statement asked, db_.prepare("pragma data_version"));
  FRESHET_TRY_ASSIGN(const bool row, asked.step());
  return row ? asked.integer(0) : std::int64_t{0};
}

std::filesystem::path access_file(const std::string& state_dir, const std::string& node) {
  return std::filesystem::path(state_dir) / node / "access.sqlite";
}

}  // namespace freshet::access

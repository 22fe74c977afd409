#include "actors/access/artefact_keys.hpp"

#include "actors/access/private_file.hpp"
#include "kernels/base/hex.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace freshet::access {
namespace {

constexpr std::string_view title = "freshet-artefact-keys 1\n";
constexpr std::string_view secret_word = "secret ";
constexpr std::string_view statement_word = "statement ";
constexpr std::size_t most_bytes = std::size_t{1} << 20;

std::string_view line_of(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

template <class Bytes>
std::string hex_of(const Bytes& bytes) {
  return to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

artefact_keys artefact_keys::draw() {
  delta::signing_key key = delta::signing_key::draw();
  const delta::trust_list first{1, {key.open_half()}};
  return {std::move(key), first};
}

result<artefact_keys> artefact_keys::read(const std::filesystem::path& file) {
  FRESHET_TRY_ASSIGN(const std::string whole, read_private_file(file, most_bytes));
  const error wrong{errc::corrupt, file.string() + " is no file of artefact keys; restore it from a copy"};
  std::string_view text = whole;
  if (text.substr(0, title.size()) != title) return wrong;
  text.remove_prefix(title.size());
  const std::string_view secret = line_of(text);
  const auto seed =
      secret.substr(0, secret_word.size()) == secret_word ? from_hex(secret.substr(secret_word.size())) : std::nullopt;
  std::array<std::uint8_t, 32> bytes{};
  if (!seed || seed->size() != bytes.size()) return wrong;
  std::copy(seed->begin(), seed->end(), bytes.begin());
  const std::size_t chain = std::min(text.find(statement_word), text.size());
  FRESHET_TRY_ASSIGN(delta::trust_list first, delta::read_trust_list(text.substr(0, chain), file.string()));
  artefact_keys keys(delta::signing_key::from_seed(bytes), std::move(first));
  for (text.remove_prefix(chain); !text.empty();) {
    const std::string_view line = line_of(text);
    const auto statement = line.substr(0, statement_word.size()) == statement_word
                               ? from_hex(line.substr(statement_word.size()))
                               : std::nullopt;
    if (!statement) return wrong;
    keys.statements_.emplace_back(statement->begin(), statement->end());
    auto next = delta::follow_statement(keys.statements_.back(), keys.trusted_);
    if (!next) return error{errc::corrupt, file.string() + ": " + next.err().text()};
    keys.trusted_ = std::move(*next);
  }
  if (keys.trusted_.find(keys.signer_.open_half().id()) == nullptr)
    return error{errc::corrupt, file.string() + ": the key that signs is not in its own list"};
  return keys;
}

result<artefact_keys> artefact_keys::read_or_make(const std::filesystem::path& file) {
  auto found = read(file);
  if (found.ok() || found.err().code != errc::not_found) return found;
  FRESHET_TRY(make_private_folder(file.parent_path()));
  artefact_keys keys = draw();
  FRESHET_TRY(write_private_file(file, keys.text(), existing::keep));
  return keys;
}

std::string artefact_keys::text() const {
  std::string out =
      std::string(title) + std::string(secret_word) + hex_of(signer_.seed()) + "\n" + delta::text_of(first_);
  for (const auto& statement : statements_) out += std::string(statement_word) + hex_of(statement) + "\n";
  return out;
}

result<void> artefact_keys::write(const std::filesystem::path& file) const {
  return write_private_file(file, text(), existing::replace);
}

void artefact_keys::go_on(delta::trust_list next) {
  next.serial = trusted_.serial + 1;
  statements_.push_back(delta::make_statement(next, signer_));
  trusted_ = std::move(next);
}

result<void> artefact_keys::rotate() {
  if (trusted_.keys.size() >= delta::most_trusted_keys)
    return {errc::invalid_argument, std::to_string(trusted_.keys.size()) +
                                        " keys are trusted, and devices keep no more; revoke old ones first"};
  delta::signing_key next = delta::signing_key::draw();
  delta::trust_list list = trusted_;
  list.keys.push_back(next.open_half());
  go_on(std::move(list));
  signer_ = std::move(next);
  return {};
}

result<void> artefact_keys::revoke(const delta::key_id& id) {
  if (id == signer_.open_half().id())
    return {errc::invalid_argument, "key " + delta::text_of(id) + " signs at present; rotate first"};
  delta::trust_list list = trusted_;
  const auto gone = std::remove_if(list.keys.begin(), list.keys.end(), [&](const auto& key) { return key.id() == id; });
  if (gone == list.keys.end()) return {errc::not_found, "artefact key " + delta::text_of(id) + " is not trusted"};
  list.keys.erase(gone, list.keys.end());
  go_on(std::move(list));
  return {};
}

const std::vector<std::uint8_t>* artefact_keys::statement_after(std::uint64_t serial) const {
  if (serial < first_.serial || serial >= trusted_.serial) return nullptr;
  return &statements_[static_cast<std::size_t>(serial - first_.serial)];
}

std::filesystem::path artefact_key_file(const std::filesystem::path& key_dir) { return key_dir / "artefact.keys"; }

}  // namespace freshet::access

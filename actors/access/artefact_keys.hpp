// The keys that artefacts are signed with, in one file of the deployer: the secret half of the
// present one, and the chain of lists by which devices have come to trust it (kernels/delta/trust.hpp).
//
//   make ─▶ rotate: a new key signs from now on, old and new are trusted ─▶ revoke: the old one is not
//
// Every change is one new file in the place of the old one. The secret half of a key that no longer
// signs is not kept.
// Thread contract: a value.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/delta/ed25519.hpp"
#include "kernels/delta/trust.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace freshet::access {

class artefact_keys {
 public:
  [[nodiscard]] static artefact_keys draw();
  /// errc::not_found when there is no file.
  static result<artefact_keys> read(const std::filesystem::path& file);
  /// Reads them, or makes them where there are none.
  static result<artefact_keys> read_or_make(const std::filesystem::path& file);
  result<void> write(const std::filesystem::path& file) const;

  /// Fails when 8 keys are trusted already.
  result<void> rotate();
  /// The present key cannot be revoked: rotate first.
  result<void> revoke(const delta::key_id& id);

  [[nodiscard]] const delta::signing_key& signer() const noexcept { return signer_; }
  [[nodiscard]] const delta::trust_list& trusted() const noexcept { return trusted_; }
  /// What a device that knows the list `serial` is to be told next; null when there is nothing.
  [[nodiscard]] const std::vector<std::uint8_t>* statement_after(std::uint64_t serial) const;

 private:
  artefact_keys(delta::signing_key signer, delta::trust_list first)
      : signer_(std::move(signer)), first_(first), trusted_(std::move(first)) {}
  void go_on(delta::trust_list next);
  [[nodiscard]] std::string text() const;

  delta::signing_key signer_;
  delta::trust_list first_;
  std::vector<std::vector<std::uint8_t>> statements_;  ///< from the first list on
  delta::trust_list trusted_;
};

/// The file in a deployer's key_dir.
[[nodiscard]] std::filesystem::path artefact_key_file(const std::filesystem::path& key_dir);

}  // namespace freshet::access

// What the deployer can deliver: the newest version and those that somebody still needs in full, the
// chain of updates among them, and snapshots, made when first asked for. Everything is checked before it may
// reach a device: an update is applied here as devices will. Bounded: `history` updates, and values and a
// snapshot of the versions that are retained. Owned by the deployer's core; one thread at a time.
#pragma once

#include "actors/deployer/version_place.hpp"
#include "kernels/base/host_tensor.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"
#include "kernels/delta/artefact.hpp"
#include "kernels/delta/ed25519.hpp"
#include "kernels/delta/layout.hpp"
#include "topology/message/updates.hpp"

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace freshet::actors {

/// An artefact as it travels, with what it leads to. Shared by the store and the transfers of it.
struct stored_artefact {
  bool snapshot = false;
  version base;
  version next;
  content_hash base_hash;
  content_hash result;
  content_hash content;  ///< of the bytes
  host_tensor bytes;     ///< u8
};
using artefact_ref = std::shared_ptr<const stored_artefact>;

class version_store {
 public:
  struct options {
    delta::layout parts;
    content_hash line;
    host_tensor base;  ///< f32 [N] values of version 0
    std::size_t history = 32;
    std::filesystem::path scratch;  ///< for what is large while it is made and offered; empty: memory
  };
  using place = version_place;
  /// A way along the chain.
  struct route {
    artefact_ref first;
    std::size_t steps = 0;
    std::uint64_t bytes = 0;
  };
  enum class news { nothing, step, jump };

  explicit version_store(options settings);

  /// Takes what the distiller committed. `step`: the chain goes on, from a version that is held. `jump`:
  /// it begins anew, since this version does not follow one of them by a good update (a distiller that
  /// restarted); jump_reason() says why. Errors: not of this line, or values that are not what they claim.
  result<news> commit(const topology::version_committed& committed);
  /// Everything that leaves here is signed by this key from now on, what is kept included.
  result<void> sign_with(const delta::signing_key& key);
  [[nodiscard]] const std::string& jump_reason() const noexcept { return jump_reason_; }
  /// Takes a version that a former life kept.
  result<void> hold(const place& what, const host_tensor& values);
  /// Takes an update that a former life kept, in the order of their coming; before the first commit.
  result<void> hold_step(const host_tensor& artefact);
  /// A held version was the newest in the former life: what comes next is built on it.
  void go_on_from(const place& what);
  /// The same values, lying elsewhere: on the disk, say.
  void put_down(const place& what, host_tensor values);
  /// Forgets the values of all versions but these, the newest, and version 0.
  void retain(const std::set<place>& needed);

  /// Nothing until the first commit.
  [[nodiscard]] const std::optional<place>& newest() const noexcept { return newest_; }
  /// f32 [N]; null when they are not held.
  [[nodiscard]] const host_tensor* values_of(const place& what) const;
  [[nodiscard]] std::optional<route> chain_from(const place& from, const place& to) const;
  /// Null before it is made, and for version 0, which needs none.
  [[nodiscard]] artefact_ref snapshot_of(const place& what) const;
  result<void> make_snapshot(const place& what);

  /// All updates, in the order of their coming.
  [[nodiscard]] const std::deque<artefact_ref>& chain() const noexcept { return chain_; }
  /// The last of the chain; null where it is empty. After a way back to a version that is held it led elsewhere.
  [[nodiscard]] artefact_ref last_step() const { return chain_.empty() ? nullptr : chain_.back(); }
  [[nodiscard]] std::size_t steps() const noexcept { return chain_.size(); }
  [[nodiscard]] std::size_t held() const noexcept { return held_.size(); }
  [[nodiscard]] std::uint64_t chain_bytes() const noexcept;

 private:
  struct held_version {
    host_tensor values;
    delta::artefact label;  ///< window, teacher and metrics of the update that led there
    artefact_ref snapshot;
  };
  struct checked_step {
    artefact_ref step;
    delta::artefact label;
  };
  result<checked_step> check_step(const topology::version_committed& committed) const;
  result<void> check_values(const place& what, const host_tensor& values) const;
  [[nodiscard]] result<host_tensor> sealed(const host_tensor& bytes) const;

  options settings_;
  place base_;
  std::optional<place> newest_;
  std::map<place, held_version> held_;  ///< base_ and newest_ always
  std::deque<artefact_ref> chain_;      ///< in the order of their coming
  std::string jump_reason_;
  std::optional<delta::signing_key> signer_;
};

}  // namespace freshet::actors

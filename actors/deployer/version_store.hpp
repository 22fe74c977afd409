// What the deployer can deliver: the newest version, the chain of updates that led to it, and a
// snapshot of it, made when first asked for. Everything is checked before it may reach a device:
// an update is applied here as devices will. Bounded: `history` updates, one snapshot, and the
// values of two versions. Owned by the deployer's core; one thread at a time.
#pragma once

#include "kernels/base/host_tensor.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"
#include "kernels/delta/artefact.hpp"
#include "kernels/delta/ed25519.hpp"
#include "kernels/delta/layout.hpp"
#include "topology/message/updates.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
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
  };
  struct place {
    version number;
    content_hash hash;
    friend bool operator==(const place& a, const place& b) { return a.number == b.number && a.hash == b.hash; }
  };
  /// A way along the chain to the newest version.
  struct route {
    artefact_ref first;
    std::size_t steps = 0;
    std::uint64_t bytes = 0;
  };
  enum class news { nothing, step, jump };

  explicit version_store(options settings);

  /// Takes what the distiller committed. `step`: the chain goes on. `jump`: it begins anew, since
  /// this version does not follow the former one by a good update (a distiller that restarted);
  /// jump_reason() says why. Errors: not of this line, or values that are not what they claim.
  result<news> commit(const topology::version_committed& committed);
  /// Everything that leaves here is signed by this key from now on, what is kept included.
  result<void> sign_with(const delta::signing_key& key);
  [[nodiscard]] const std::string& jump_reason() const noexcept { return jump_reason_; }

  /// Nothing until the first commit.
  [[nodiscard]] const std::optional<place>& newest() const noexcept { return newest_; }
  [[nodiscard]] std::optional<route> chain_from(const place& from) const;
  /// The newest version's, when it was made; null before, and for version 0, which needs none.
  [[nodiscard]] const artefact_ref& snapshot() const noexcept { return snapshot_; }
  result<void> make_snapshot();

  /// The update that led to newest(); null after a jump.
  [[nodiscard]] artefact_ref last_step() const { return chain_.empty() ? nullptr : chain_.back(); }
  [[nodiscard]] std::size_t steps() const noexcept { return chain_.size(); }
  [[nodiscard]] std::uint64_t chain_bytes() const noexcept;

 private:
  result<artefact_ref> check_step(const topology::version_committed& committed);
  [[nodiscard]] result<host_tensor> sealed(const host_tensor& bytes) const;

  options settings_;
  std::vector<float> base_;
  std::vector<float> values_;  ///< of newest_, or of version 0 before the first commit
  place at_;                   ///< of values_
  std::optional<place> newest_;
  std::deque<artefact_ref> chain_;  ///< each leads to the base of the next; the last to newest_
  artefact_ref snapshot_;
  delta::artefact label_;  ///< window, teacher and metrics of the newest update
  std::string jump_reason_;
  std::optional<delta::signing_key> signer_;
};

}  // namespace freshet::actors

// What the deployer keeps on its disk, so that a restart in the middle of a roll-out goes on with it:
//   rollout.json                      step, good, bad, pinned and tried versions, the last way back
//   version-NUMBER-HASH.safetensors   values f32 [N] of each version that must stay deliverable
//   update-NUMBER-HASH.artefact       the chain: the update that leads to each version, signed as it travels
// Every file is replaced whole. Values come before the record that names them, and leave after it. Updates prove
// themselves; one that does not is moved aside, and what it led to takes a snapshot.
// Thread contract: one owner a folder.
#pragma once

#include "actors/deployer/rollout.hpp"
#include "actors/deployer/version_store.hpp"
#include "kernels/base/host_tensor.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace freshet::actors {

class rollout_state {
 public:
  /// Of one line; the folder is made when it is not there.
  static result<rollout_state> open(std::filesystem::path folder, content_hash line);

  /// Nothing on a first start. Errors name the file; what another line left is moved aside and is none.
  [[nodiscard]] result<std::optional<rollout_memory>> load();
  /// Values of a version that was kept.
  [[nodiscard]] result<host_tensor> values_of(const version_place& what) const;
  /// Gives the updates that were kept, in the order of their coming. `take` says whether one is sound: files that
  /// are not, and those that cannot be read, are moved aside and told.
  [[nodiscard]] std::vector<error> load_chain(const std::function<result<void>(const host_tensor&)>& take);
  /// `values` gives those of a needed version; null when they are not held, which is an error.
  result<void> save(const rollout_memory& what, const std::set<version_place>& needed,
                    const std::function<const host_tensor*(const version_place&)>& values,
                    const std::deque<artefact_ref>& chain);

  /// Whether save() has put its values on the disk.
  [[nodiscard]] bool has_saved(const version_place& what) const { return kept_.count(what) != 0; }

 private:
  rollout_state(std::filesystem::path folder, content_hash line) : folder_(std::move(folder)), line_(line) {}
  [[nodiscard]] std::filesystem::path file_of(const version_place& what) const;
  [[nodiscard]] std::filesystem::path update_file_of(const version_place& what) const;
  result<void> save_chain(const std::deque<artefact_ref>& chain);
  void remove_others() const;
  std::filesystem::path folder_;
  content_hash line_;
  std::set<version_place> kept_;                   ///< values on the disk
  std::map<version_place, content_hash> updates_;  ///< on the disk, by what they lead to: the hash of their bytes
};

}  // namespace freshet::actors

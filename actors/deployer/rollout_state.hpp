// What the deployer keeps on its disk, so that a restart in the middle of a roll-out goes on with it:
//   rollout.json                      step, good, bad, pinned and tried versions, the last way back
//   version-NUMBER-HASH.safetensors   values f32 [N] of each version that must stay deliverable
// Every file is replaced whole. Values come before the record that names them, and leave after it.
// Thread contract: one owner a folder.
#pragma once

#include "actors/deployer/rollout.hpp"
#include "kernels/base/host_tensor.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>

namespace freshet::actors {

class rollout_state {
 public:
  /// Of one line; the folder is made when it is not there.
  static result<rollout_state> open(std::filesystem::path folder, content_hash line);

  /// Nothing on a first start. Errors name the file; what another line left is moved aside and is none.
  [[nodiscard]] result<std::optional<rollout_memory>> load();
  /// Values of a version that was kept.
  [[nodiscard]] result<host_tensor> values_of(const version_place& what) const;
  /// `values` gives those of a needed version; null when they are not held, which is an error.
  result<void> save(const rollout_memory& what, const std::set<version_place>& needed,
                    const std::function<const host_tensor*(const version_place&)>& values);

 private:
  rollout_state(std::filesystem::path folder, content_hash line) : folder_(std::move(folder)), line_(line) {}
  [[nodiscard]] std::filesystem::path file_of(const version_place& what) const;
  std::filesystem::path folder_;
  content_hash line_;
  std::set<version_place> kept_;  ///< values on the disk
};

}  // namespace freshet::actors

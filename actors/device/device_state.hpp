// What a device keeps on its disk, so that a restart goes on where it was:
//   active.safetensors, previous.safetensors   one version each: values f32 [N], and as metadata
//                                              line, version, the hash of the values and a seal of these
//   position                                   the stream position that the next life begins at
// Every file is replaced whole. A version that does not prove itself (form, line, length, hash) is
// reported, renamed to *.faulty and left out, never repaired.
// Thread contract: one owner a folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "kernels/base/error.hpp"
#include "kernels/base/host_tensor.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"

namespace freshet::actors {

/// Positions of a stream are below this, far from where sums would wrap.
inline constexpr std::uint64_t most_position = std::uint64_t{1} << 62;

struct kept_version {
  version number;
  content_hash hash;     ///< delta::hash_values of the values
  host_tensor values;    ///< f32 [N]
};

class device_state {
 public:
  /// Keeps versions of one line, of `values` values each. The folder is made when it is not there.
  static result<device_state> open(std::filesystem::path folder, content_hash line, std::uint64_t values);

  struct restored {
    std::vector<kept_version> versions;   ///< the active one first; none on a first start
    std::vector<error> faults;            ///< files that were there and could not be used
  };
  [[nodiscard]] restored restore() const;
  /// What becomes of the second slot when another version becomes the active one.
  enum class second_slot : std::uint8_t { takes_active, stays, empties };
  /// `next` becomes the active version; the one before goes to the second slot, unless told otherwise.
  result<void> commit(const kept_version& next, second_slot second = second_slot::takes_active) const;

  /// 0 on a first start.
  [[nodiscard]] result<std::uint64_t> position() const;
  result<void> keep_position(std::uint64_t next) const;

 private:
  device_state(std::filesystem::path folder, content_hash line, std::uint64_t values);
  [[nodiscard]] result<kept_version> read(const std::filesystem::path& path) const;
  std::filesystem::path folder_;
  content_hash line_;
  std::uint64_t values_;
};

}  // namespace freshet::actors

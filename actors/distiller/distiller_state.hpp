// What a distiller must find again after a restart: the committed version with its mirror, what it
// had learned beyond it, and the optimiser. One safetensors file, replaced atomically.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/host_tensor.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"

namespace freshet::actors {

struct distiller_state {
  content_hash line;
  version committed;
  std::uint64_t samples = 0;   ///< accepted into training so far
  host_tensor mirror;          ///< f32 [N] what devices on `committed` hold
  host_tensor learned;         ///< f32 [N] mirror and what was not sent yet
  std::vector<std::pair<std::string, host_tensor>> optimiser;
};

result<void> save_state(const std::filesystem::path& file, const distiller_state& state);
/// nullopt when there is no such file.
result<std::optional<distiller_state>> load_state(const std::filesystem::path& file);

}  // namespace freshet::actors

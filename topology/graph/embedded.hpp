// The topology that runs without a file: one cloud node and a few devices on one host.
#pragma once

#include <cstdint>
#include <string>

namespace freshet::topology {

struct embedded_options {
  std::uint32_t devices = 4;
  std::string state_dir = "freshet-state";
  std::string models_dir = "models/scenes";   ///< holds student/ and teacher/
};

/// TOML text that goes through the same reader as a file: node "cloud" with intake, teacher, distiller,
/// compressor, deployer and stats; nodes "edge-1" … with a device and its filter each; local sockets in the
/// state folder.
[[nodiscard]] std::string embedded_default(const embedded_options& options);

}  // namespace freshet::topology

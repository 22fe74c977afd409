// How a fleet is doing, read from a stats document (stats_document.md). What is missing or odd in the
// document is left out, never guessed.
// Thread contract: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.hpp"
#include "topology/graph/graph.hpp"

namespace freshet::cli {

/// Right answers of so many scored ones.
struct score {
  std::uint64_t right = 0;
  std::uint64_t of = 0;
  [[nodiscard]] std::optional<double> share() const {
    if (of == 0) return std::nullopt;
    return static_cast<double>(right) / static_cast<double>(of);
  }
};

struct device_progress {
  std::string name;                       ///< address
  std::uint32_t number = 0;               ///< as the topology gives it
  std::optional<std::string> phase;       ///< nothing until it has reported
  std::optional<std::uint64_t> version;
  std::uint64_t answered = 0;
  std::uint64_t skipped = 0;
  double answers_per_second = 0;
  score window;
  std::optional<score> twin_window;       ///< nothing without a twin
  bool silent = false;                    ///< has not reported for a while, or not at all
};

struct fleet_progress {
  std::uint64_t number = 0;
  std::uint64_t uptime_ms = 0;
  std::vector<device_progress> devices;   ///< all of the graph, in its order
  score window;                           ///< over the fleet, moving
  std::optional<score> twin_window;
  score total;                            ///< since the devices started
  std::optional<score> twin_total;
  std::uint64_t answered = 0;
  std::uint64_t uplink_bytes = 0;
  std::uint64_t downlink_bytes = 0;
  std::uint64_t refreshes = 0;            ///< student versions committed
  std::optional<double> loss;
  std::optional<std::uint64_t> desired;   ///< the version that devices should have
  std::vector<std::string> silent_roles;  ///< roles of the cloud that have not reported for a while
};

/// A role that is silent for longer is called so.
inline constexpr std::uint64_t silent_after_ms = 5000;

result<fleet_progress> read_progress(std::string_view document, const topology::graph& graph);

}  // namespace freshet::cli

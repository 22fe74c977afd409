// What the deployer counts, and how it is shown to STATS.
// Thread contract: plain values and a pure function.
#pragma once

#include <cstddef>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "actors/deployer/rollout.hpp"
#include "actors/deployer/version_store.hpp"

namespace freshet::actors {

struct deployer_counters {
  std::uint64_t commits = 0;
  std::uint64_t commits_refused = 0;
  std::uint64_t chain_breaks = 0;
  std::uint64_t offers = 0;
  std::uint64_t chains_started = 0;
  std::uint64_t snapshots_started = 0;
  std::uint64_t snapshots_made = 0;
  std::uint64_t bytes_offered = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t failures = 0;
  std::uint64_t stray_requests = 0;
  std::uint64_t artefacts = 0;
  std::uint64_t artefact_bytes = 0;
  std::uint64_t artefact_bytes_last = 0;
  std::uint64_t slot_orders = 0;
  std::uint64_t mirror_returns = 0;
  std::uint64_t probes = 0;
  std::uint64_t state_faults = 0;
};

/// Of the devices as they last reported.
struct fleet_figures {
  std::size_t devices = 0;
  std::uint64_t converged = 0;        ///< have what is desired of them
  std::uint64_t foreign = 0;          ///< of another line
  std::uint64_t largest_lag = 0;      ///< versions
  std::uint64_t behind_in_trust = 0;  ///< do not know the latest keys
};

[[nodiscard]] nlohmann::json figures_of(const deployer_counters& count, const fleet_figures& fleet,
                                        const rollout_machine& rollout, const version_store& store);

}  // namespace freshet::actors

#include "actors/deployer/deployer_figures.hpp"

namespace freshet::actors {

nlohmann::json figures_of(const deployer_counters& count, const fleet_figures& fleet, const rollout_machine& rollout,
                          const version_store& store) {
  const bool knows = rollout.knows_good();
  const double mean =
      count.artefacts == 0 ? 0.0 : static_cast<double>(count.artefact_bytes) / static_cast<double>(count.artefacts);
  const artefact_ref leading_snapshot = knows ? store.snapshot_of(rollout.leading()) : nullptr;
  nlohmann::json all{{"devices", fleet.devices},
                     {"converged", fleet.converged},
                     {"lagging", knows ? fleet.devices - fleet.converged - fleet.foreign : 0},
                     {"foreign", fleet.foreign},
                     {"largest_lag", fleet.largest_lag},
                     {"behind_in_trust", fleet.behind_in_trust},
                     {"commits", count.commits},
                     {"commits_refused", count.commits_refused},
                     {"chain_breaks", count.chain_breaks},
                     {"chain_steps", store.steps()},
                     {"chain_bytes", store.chain_bytes()},
                     {"offers", count.offers},
                     {"chains", count.chains_started},
                     {"snapshots", count.snapshots_started},
                     {"snapshots_made", count.snapshots_made},
                     {"snapshot_bytes", leading_snapshot ? leading_snapshot->bytes.bytes() : 0},
                     {"bytes_offered", count.bytes_offered},
                     {"bytes_sent", count.bytes_sent},
                     {"failures", count.failures},
                     {"stray_requests", count.stray_requests},
                     {"artefact_bytes_last", count.artefact_bytes_last},
                     {"artefact_bytes_mean", mean},
                     {"wave", name(rollout.step())},
                     {"wave_devices", rollout.members().size()},
                     {"bad_versions", rollout.bad().size()},
                     {"pinned", rollout.pins().size()},
                     {"probes", count.probes},
                     {"rollbacks", rollout.rollbacks()},
                     {"failed_rollbacks", rollout.failed_rollbacks()},
                     {"slot_orders", count.slot_orders},
                     {"mirror_returns", count.mirror_returns},
                     {"state_faults", count.state_faults}};
  all["desired_version"] = knows ? nlohmann::json(rollout.leading().number.value) : nlohmann::json();
  all["good_version"] = knows ? nlohmann::json(rollout.good().number.value) : nlohmann::json();
  all["trial_version"] = rollout.trial() ? nlohmann::json(rollout.trial()->number.value) : nlohmann::json();
  return all;
}

}  // namespace freshet::actors

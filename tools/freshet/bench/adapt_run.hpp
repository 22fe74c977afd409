// One run of one policy: the real engine in this process (cloud, devices and bench as nodes over
// inproc links), on one seed, paced by the bench.
// Thread contract: several runs may go side by side; each has nodes of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "actors/rt/system.hpp"
#include "actors/rt/transport.hpp"
#include "kernels/base/result.hpp"
#include "tools/freshet/bench/policies.hpp"
#include "tools/freshet/bench/stage_times.hpp"

namespace freshet::cli {

struct adapt_plan {
  std::string data = "scenes";
  std::string teacher;                    ///< folder in Hugging Face's layout
  std::string student;                    ///< likewise
  std::vector<std::string> phases;
  std::uint32_t devices = 2;
  std::uint64_t samples_per_phase = 400;  ///< a device
  std::uint32_t samples_per_tick = 32;    ///< a device
  double severity = 0.7;
  std::string extra_toml;                 ///< settings on top of all, for ablations
};

struct phase_outcome {
  std::string name;
  std::uint64_t samples = 0;
  std::uint64_t correct = 0;
  std::uint64_t recovery_samples = 0;     ///< see adapt_report.hpp
  [[nodiscard]] double accuracy() const {
    return samples > 0 ? static_cast<double>(correct) / static_cast<double>(samples) : 0;
  }
};

struct adapt_outcome {
  std::string policy;
  std::uint64_t seed = 0;
  std::vector<phase_outcome> phases;
  std::vector<float> curve;               ///< share of right answers, tick by tick
  std::uint64_t samples = 0;
  std::uint64_t skipped = 0;              ///< with an answer, but not what the student can read: not among the samples
  std::uint64_t correct = 0;
  std::uint64_t uplink_bytes = 0;         ///< filters to intake, on the wire
  std::uint64_t downlink_bytes = 0;       ///< deployer to devices, on the wire
  std::uint64_t refreshes = 0;
  std::uint64_t trained = 0;              ///< labelled samples that were learned
  std::uint64_t stragglers = 0;
  std::uint64_t adapter_values = 0;
  std::vector<stage_time> stages;         ///< of all roles together
  std::uint64_t peak_resident_bytes = 0;  ///< of the process, whatever runs beside this one
  double png_bytes_per_sample = 0;        ///< what the pictures would cost as files; 0 of text alone
  double jpeg_bytes_per_sample = 0;
  double text_bytes_per_sample = 0;       ///< of the bare questions
  double seconds = 0;
};

/// The topology of a run as TOML, as the engine reads it.
result<std::string> run_topology(const adapt_plan& plan, const policy& p, std::uint64_t seed, const std::string& name,
                                 const std::string& state_dir);

/// Why the policy makes no sense for that pair: a student that reads text only has no visual tokens to compare or score, and
/// features of a vision tower are for a teacher with the same one. Each setting that is wrong; empty = it fits. Errors are of
/// the plan, whatever the policy.
result<std::string> misfit_of(const adapt_plan& plan, const policy& p);

/// Blocks until the run is over. `watch` gets the share that is done now and then; `stop` ends it early
/// with errc::cancelled.
result<adapt_outcome> run_policy(const adapt_plan& plan, const policy& p, std::uint64_t seed, rt::system& engine,
                                 rt::transport& links, const std::function<void(double)>& watch,
                                 const std::atomic<bool>& stop);

}  // namespace freshet::cli

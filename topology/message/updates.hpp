// What flows down: student versions, artefacts, and what devices report back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/fields.hpp"
#include "kernels/base/host_tensor.hpp"
#include "kernels/base/ids.hpp"

namespace freshet::topology {

/// DISTILLER -> COMPRESSOR: everything that it needs; the compressor keeps no state.
struct refresh_request {
  content_hash line;
  version base;
  version next;
  host_tensor mirror;       ///< f32 [N] what devices on `base` hold
  host_tensor target;       ///< f32 [N] what the distiller has learned
  host_tensor importance;   ///< f32 [N] diagonal Fisher estimate; may be empty
  std::uint64_t first_sample = 0;   ///< data window, counted in accepted samples
  std::uint64_t last_sample = 0;
  std::string teacher;
  float metric_before = 0;
  float metric_after = 0;
  FRESHET_FIELDS(line, base, next, mirror, target, importance, first_sample, last_sample, teacher, metric_before,
                 metric_after)
};

/// COMPRESSOR -> DISTILLER: the encoded update (artefact grammar: kernels/delta/artefact.hpp).
struct refresh_ready {
  version base;
  version next;
  host_tensor artefact;     ///< u8 [bytes]
  FRESHET_FIELDS(base, next, artefact)
};

/// DISTILLER -> DEPLOYER: a version is committed; devices may have it.
struct version_committed {
  content_hash line;
  version base;
  version next;
  content_hash result;
  host_tensor artefact;     ///< u8 [bytes] chain update base -> next; empty for the first announcement after a start
  host_tensor values;       ///< f32 [N] the mirror at `next`, for snapshots
  FRESHET_FIELDS(line, base, next, result, artefact, values)
};

/// DEVICE -> DEPLOYER: what is active here. Sent at start, after each change, and as a heartbeat.
struct device_report {
  device_id device;
  content_hash line;
  version active;
  content_hash active_hash;
  std::uint64_t tick = 0;            ///< paced mode: tick of the last answered batch
  std::uint64_t answered = 0;        ///< samples answered since start
  std::string last_failure;          ///< why the last update was refused; empty when none was
  std::uint64_t trusted = 0;         ///< serial of the list of artefact keys that it trusts; 0: it checks no signature
  version previous;                  ///< in the second slot
  content_hash previous_hash;        ///< 0: the second slot is empty
  version rejected;                  ///< the last version that failed the device's own test
  content_hash rejected_hash;        ///< 0: none has
  float answers_per_second = 0;      ///< over the last seconds; 0: not known
  float answer_ms = 0;               ///< mean time of an answer over the last seconds; 0: not known
  FRESHET_FIELDS(device, line, active, active_hash, tick, answered, last_failure, trusted, previous, previous_hash,
                 rejected, rejected_hash, answers_per_second, answer_ms)
};

/// DEPLOYER -> DEVICE: here is a way from your version to the desired one.
struct artefact_offer {
  std::uint64_t artefact = 0;        ///< number that chunk requests name
  bool snapshot = false;
  version base;
  version next;
  std::uint64_t bytes = 0;
  content_hash content;              ///< over the artefact's bytes
  std::uint32_t chunk_bytes = 0;
  content_hash keep;                 ///< a version that, where it is in the second slot, stays there; 0 = none
  FRESHET_FIELDS(artefact, snapshot, base, next, bytes, content, chunk_bytes, keep)
};

/// DEVICE -> DEPLOYER: pull, so a transfer resumes where it stopped.
struct chunk_request {
  device_id device;
  std::uint64_t artefact = 0;
  std::uint64_t offset = 0;
  std::uint32_t chunks = 0;
  FRESHET_FIELDS(device, artefact, offset, chunks)
};

/// DEPLOYER -> DEVICE: the list of artefact keys that follows the one that the device reported
/// (kernels/delta/trust.hpp).
struct trust_statement {
  host_tensor bytes;                 ///< u8 [n]
  FRESHET_FIELDS(bytes)
};

/// DEPLOYER -> DEVICE.
struct artefact_chunk {
  std::uint64_t artefact = 0;
  std::uint64_t offset = 0;
  host_tensor bytes;                 ///< u8 [n]
  FRESHET_FIELDS(artefact, offset, bytes)
};

/// DEPLOYER -> DEVICE: go back to what is in your second slot, if it is this.
struct slot_order {
  version active;
  content_hash active_hash;
  std::string why;
  FRESHET_FIELDS(active, active_hash, why)
};

/// How often a device's own answers on random probes were the teacher's.
struct probe_outcome {
  device_id device;
  version student;                   ///< that answered
  std::string domain;                ///< empty: not known
  std::uint32_t asked = 0;
  std::uint32_t agreed = 0;
  FRESHET_FIELDS(device, student, domain, asked, agreed)
};

/// DISTILLER -> DEPLOYER, for each labelled batch with probes. A lost one is evidence lost, no more.
struct probe_outcomes {
  std::vector<probe_outcome> all;
  FRESHET_FIELDS(all)
};

/// DEPLOYER -> DISTILLER: versions after `to` were bad; go on from these values. Repeated until it does.
struct mirror_return {
  content_hash line;
  version to;
  content_hash hash;
  version next;                      ///< the least number that a further version may have
  host_tensor values;                ///< f32 [N] of `to`
  std::string why;
  FRESHET_FIELDS(line, to, hash, next, values, why)
};

}  // namespace freshet::topology

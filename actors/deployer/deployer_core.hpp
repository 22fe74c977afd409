// DEPLOYER: drives every device to its desired version. Level-triggered: whenever a device reports
// what is active there, it is compared with what should be, and offered the next step of the way:
//
//   version_committed ──▶ version_store          device_report ──▶ same as desired?  yes: done
//                                                                   │ no
//   artefact_offer ◀── one step of the chain, or a snapshot, whichever way is fewer bytes
//   chunk_request ──▶ artefact_chunk …             (only the chain whose hashes fit; a failed,
//                                                   unknown or differing state: a snapshot)
//
// Reports repeat, so any control message may get lost. Transfers are pulled and bounded in number;
// a slow, dead or failing device delays nobody. A device of another line is counted and left alone.
// Every artefact is signed here, by a key that devices trust; a device whose list of trusted keys is
// older than ours is first told what follows it (trust_statement), and only then offered anything.
// Version 0 needs no bytes: the offer of an empty snapshot of it sends a device back to its base. A device
// that has the desired version in its second slot is told to go back to it, and pulls nothing.
// What is desired of whom, and when that is taken back, is rollout.hpp's. It is on the disk before a device
// hears of it. The DISTILLER is sent back to the last good version when what it built on was bad.
// Thread contract: that of role_core.
#pragma once

#include "actors/access/artefact_keys.hpp"
#include "actors/deployer/rollout.hpp"
#include "actors/deployer/transfer_slots.hpp"
#include "actors/role.hpp"
#include "kernels/delta/layout.hpp"

#include <filesystem>
#include <functional>
#include <memory>

namespace freshet::actors {

struct deployer_options {
  topology::address distiller;
  delta::layout parts;
  content_hash line;
  host_tensor base;  ///< f32 [N] values of version 0
  std::size_t history_versions = 32;
  std::size_t prefer_snapshot_after = 8;  ///< steps of a chain that is not worth walking
  std::uint32_t chunk_bytes = 65536;
  std::uint32_t window_chunks = 8;  ///< answered of one request
  std::size_t max_devices = 4096;   ///< beyond, the one silent for longest is forgotten
  transfer_slots::options transfers;
  duration retry_after = std::chrono::seconds(1);  ///< after a failed snapshot; doubles with each
  duration retry_cap = std::chrono::seconds(60);
  /// The keys that sign, as they are now: asked for about once a second, the same pointer while nothing
  /// has changed; null when they cannot be read at present. Empty: nothing is signed, for tests.
  std::function<std::shared_ptr<const access::artefact_keys>()> keys;
  rollout_options rollout;
  std::filesystem::path state_dir;  ///< empty: a restart forgets what was good, bad and pinned
};

/// Fails on a layout or options that make no sense.
result<std::unique_ptr<role_core>> make_deployer(deployer_options options);

}  // namespace freshet::actors

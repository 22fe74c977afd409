// DEVICE: runs the student on its stream, answers in real time, shows what it saw and said to its
// uplink-filter, and swaps verified updates in between two batches. It never waits for the cloud.
//
//   stream -> student -> answers -> observation_batch -> filter     (no room: not sent, but answered)
//                 ^
//                 +-- swap <- self-test <- update_receiver <- artefact_chunk <- deployer
//
// Free-running (no bench): answers its stream at its own pace, in phases that follow each other.
// Paced (bench set): answers exactly what each pace message names, with one student version a tick,
// and waits for room instead of dropping, so that a run can be reproduced. The bench hears the
// device's reports too: it waits for a version before it goes on.
// Thread contract: that of role_core.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "actors/device/phase_stream.hpp"
#include "actors/device/self_check.hpp"
#include "actors/role.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/delta/trust.hpp"
#include "kernels/model/lora.hpp"

namespace freshet::actors {

struct device_options {
  device_id device;
  topology::address filter;
  topology::address deployer;
  std::optional<topology::address> bench;   ///< paced by this one
  std::filesystem::path model;              ///< the student's checkpoint
  model::lora_spec lora;                    ///< as the distiller's: part of the line
  std::string chat_template = "auto";       ///< likewise
  std::int64_t max_new_tokens = 8;
  stream_factory stream;
  std::uint64_t samples_per_phase = 1500;
  double samples_per_second = 20;           ///< free-running; 0 = as fast as the machine allows
  std::uint32_t batch = 4;
  bool twin = true;                         ///< a frozen copy answers too, for comparison
  bool send_features = true;
  bool send_encoded = false;                ///< features of the frozen vision tower, that the filter may send on
  bool send_relevance = true;
  /// Active and previous version and the position in the stream live here; empty: a restart begins at
  /// version 0 and position 0, and the cloud drops the positions that it knows.
  std::filesystem::path state_dir;
  /// Whose artefacts are taken: this file, which is written anew when the list goes on (and must be there),
  /// or else this list. With neither, signatures are not looked at: for tests.
  std::filesystem::path trusted_keys;
  std::optional<delta::trust_list> trusted;
  self_check_options self_check;            ///< of a version, before it answers
  std::function<time_point()> clock;        ///< for the time that answers take; unset: it is not reported
};

/// Fails when an option makes no sense, the student cannot be loaded, its values are not sane, or
/// the stream cannot be made.
result<std::unique_ptr<role_core>> make_device(device_options options);

}  // namespace freshet::actors

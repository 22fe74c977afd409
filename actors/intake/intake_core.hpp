// INTAKE: where samples enter the cloud. Checks every batch, takes each sample once, keeps it in
// the journal until it is learned, and leases the work to the teacher:
//
//   uts_batch -> checked -> each (device, position) once -> journal -> label_request{lease}
//                                                           |  ^           |
//                             samples_settled to the sender +  erased by leases_consumed of the distiller
//
// What could not be committed or has no room stays the sender's and is sent again by it. While the
// journal fails (a full disk) no credit is granted to senders; it is tried again every second.
// A lease that is not confirmed in time is sent again under its number; the distiller knows a
// lease that it has learned. Room is given to each sender as its own share, so a busy device takes
// none of a quiet one's. In paced mode (tick > 0) a tick is held until all expected devices have
// ended it, and then leased in (device, position) order, the last request marked end_of_tick.
// Thread contract: that of role_core.
#pragma once

#include "actors/intake/batch_check.hpp"
#include "actors/intake/device_quota.hpp"
#include "actors/intake/journal.hpp"
#include "actors/role.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace freshet::actors {

struct intake_options {
  std::vector<topology::address> teachers;   ///< at least one; leases are spread over them
  topology::address distiller;
  /// Devices whose end of tick closes a tick. Batches of ticks from others are refused.
  std::vector<device_id> expected_devices;
  std::size_t queue_batches = 64;  ///< accepted and not learned, shared by the senders
  std::uint64_t queue_bytes = std::uint64_t{256} << 20;
  std::size_t queue_samples = std::size_t{1} << 16;  ///< beyond, the least uncertain of a batch are shed
  std::size_t max_leases = 16;                       ///< out at a time, a teacher
  duration lease_timeout = std::chrono::seconds(30);
  /// The distiller knows leases by number: draw this anew for every life.
  std::uint64_t first_lease = 1;
  batch_limits limits;
  /// Of each device. Empty where a bench paces the devices: then speed is what is measured.
  std::optional<quota_limits> quota;
};

/// Fails when an option makes no sense. `kept` is what a former life accepted and did not finish.
result<std::unique_ptr<role_core>> make_intake(intake_options options, std::unique_ptr<journal> kept);
/// With a journal in memory.
result<std::unique_ptr<role_core>> make_intake(intake_options options);

}  // namespace freshet::actors

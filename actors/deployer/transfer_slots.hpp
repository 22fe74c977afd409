// Who may pull now: a bounded number of transfers at a time, and a line of those that wait. A
// device that falls silent loses its slot; one that takes long gives it up when others wait, and
// goes on later where it stopped. Owned by the deployer's core; one thread at a time.
#pragma once

#include "actors/deployer/version_store.hpp"
#include "kernels/base/clock.hpp"
#include "kernels/base/ids.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace freshet::actors {

class transfer_slots {
 public:
  struct options {
    std::size_t slots = 64;
    duration idle = std::chrono::seconds(10);  ///< without a request for a chunk
    duration turn = std::chrono::seconds(60);  ///< when others wait
  };

  explicit transfer_slots(options settings) : settings_(settings) {}

  /// Gives the device a slot for this artefact, in the place of the one it has; false, and into the
  /// line, when there is none.
  bool take(device_id device, artefact_ref what, time_point now);
  /// The artefact of a device's slot; null without one.
  [[nodiscard]] artefact_ref at(device_id device) const;
  /// The device asked for a chunk.
  void touch(device_id device, time_point now);
  void release(device_id device);
  /// Forgets the device, in the line too.
  void drop(device_id device);
  /// Frees the slots of silent and slow devices.
  void expire(time_point now);
  /// The next in line, when a slot is free; it leaves the line.
  std::optional<device_id> next();

  [[nodiscard]] std::size_t active() const noexcept { return slots_.size(); }
  [[nodiscard]] std::size_t waiting() const noexcept { return line_.size(); }

 private:
  struct slot {
    artefact_ref what;
    time_point since;
    time_point heard;
  };
  options settings_;
  std::map<device_id, slot> slots_;
  std::deque<device_id> line_;
};

}  // namespace freshet::actors

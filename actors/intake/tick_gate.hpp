// Paced mode: holds the entries of a tick until every expected device has ended it, then gives
// them out in the order (device, first position), so that training does not depend on the order
// of arrival. Level-triggered: a device that ended a later tick has ended the earlier ones too.
// Knows entries by number only. Owned by one intake core; one thread at a time.
#pragma once

#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace freshet::actors {

class tick_gate {
 public:
  struct closed_tick {
    std::uint64_t tick = 0;
    std::vector<std::uint64_t> entries;  ///< in training order; may be empty
  };

  explicit tick_gate(std::vector<device_id> expected, std::size_t max_open = 1024);

  /// Whether a batch of this device and tick can be taken: the device is expected, the tick is not
  /// closed, and there are not too many open ones.
  [[nodiscard]] result<void> admits(device_id device, std::uint64_t tick) const;
  /// Holds an entry of an admitted tick.
  void hold(device_id device, std::uint64_t tick, sequence first, std::uint64_t entry);
  /// The device sends no more of an admitted tick.
  void end(device_id device, std::uint64_t tick);
  /// The earliest tick that all have ended.
  std::optional<closed_tick> take_closed();

  /// Last tick that was given out; 0 before the first.
  [[nodiscard]] std::uint64_t closed() const noexcept { return closed_; }
  /// Ticks that wait for a device.
  [[nodiscard]] std::size_t open() const noexcept { return open_.size(); }

 private:
  struct held {
    device_id device;
    sequence first;
    std::uint64_t entry = 0;
  };
  std::size_t max_open_;
  std::map<device_id, std::uint64_t> ended_;  ///< expected devices and the last tick that each ended
  std::map<std::uint64_t, std::vector<held>> open_;
  std::uint64_t closed_ = 0;
};

}  // namespace freshet::actors

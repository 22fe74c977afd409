// The way out of an uplink-filter: what is packed waits here, on the disk when it has a spool there,
// travels within a window, and is kept until the intake says that it has it.
//
//   push -> disk (or memory) -> sent, at most `window` batches -> samples_settled -> forgotten
//                                 ^                   |
//                                 +-- arrived, but not settled in time
//
// Thread contract: one owner.
#pragma once

#include "actors/role.hpp"
#include "actors/uplink_filter/disk_spool.hpp"
#include "actors/uplink_filter/sent_batches.hpp"
#include "actors/uplink_filter/spool.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace freshet::actors {

struct outlet_options {
  topology::address intake;
  std::size_t spool_samples = 4096;  ///< in memory
  std::uint64_t spool_bytes = std::uint64_t{64} << 20;
  std::size_t window = 32;                         ///< batches that are sent and not settled
  duration settle_wait = std::chrono::seconds(2);  ///< for an answer, once a batch has arrived; doubles
};

class outlet {
 public:
  struct counters {
    std::uint64_t messages = 0;  ///< sent once
    std::uint64_t feature_messages = 0;
    std::uint64_t samples = 0;   ///< sent once
    double bytes = 0;            ///< of all messages, those sent again too
    std::uint64_t resent = 0;    ///< messages
    std::uint64_t shed = 0;      ///< samples dropped here for want of room
    std::uint64_t accepted = 0;  ///< samples that the intake has
    std::uint64_t refused = 0;   ///< samples that it will never take
    std::uint64_t faults = 0;    ///< of the disk, and of packing
  };

  /// `disk` may be null: then everything waits in memory. While the disk fails that is so too.
  outlet(outlet_options options, std::unique_ptr<disk_spool> disk);

  /// Takes a packed shipment.
  void push(shipment s, outbox& out);
  /// Sends what may travel. `pixels`: for shipments that have to be packed anew.
  void flush(const pixel_form& pixels, time_point now, outbox& out);
  void settle(const topology::samples_settled& settled, const pixel_form& pixels, time_point now, outbox& out);

  /// Batches in memory.
  [[nodiscard]] std::size_t shipments() const noexcept { return memory_.shipments(); }
  [[nodiscard]] std::size_t waiting_samples() const noexcept {
    return memory_.samples() + (disk_ ? disk_->samples() : 0);
  }
  [[nodiscard]] std::uint64_t waiting_bytes() const noexcept { return memory_.bytes() + (disk_ ? disk_->bytes() : 0); }
  [[nodiscard]] std::size_t unsettled_samples() const noexcept { return sent_.samples(); }
  [[nodiscard]] const counters& count() const noexcept { return count_; }
  /// "memory", "disk", or why the disk does not take anything.
  [[nodiscard]] const std::string& state() const noexcept { return state_; }

 private:
  void fault(const error& why, outbox& out);
  void send_first(std::uint64_t number, topology::uts_batch batch, outbox& out);
  bool send_from_disk(outbox& out);
  void send_from_memory(const pixel_form& pixels, outbox& out);

  outlet_options options_;
  std::unique_ptr<disk_spool> disk_;
  spool memory_;
  sent_batches sent_;
  std::uint64_t next_memory_number_;  ///< above all numbers of the disk
  counters count_;
  std::string state_;
};

}  // namespace freshet::actors

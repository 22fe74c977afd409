// What one device may cost the intake: samples, bytes and decoded bytes a second, and a share of what
// is kept. A device that comes to an end of it gets no credit until it has some again, so an honest
// one waits and loses nothing; one that sends on regardless is refused before its batch is looked
// into. Whatever a device sends, no other's share gets smaller.
// Owned by one intake core; one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

#include "kernels/base/clock.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"
#include "topology/message/address.hpp"
#include "topology/message/samples.hpp"

namespace freshet::actors {

struct quota_limits {
  double samples_per_second = 200;
  double bytes_per_second = 4 << 20;
  double decoded_per_second = 16 << 20;
  double at_once_s = 10;             ///< seconds' worth that may come together, and be owed at most
  std::uint64_t kept_samples = 0;    ///< of one device; 0: no bound
  std::uint64_t kept_bytes = 0;
  std::size_t devices = 4096;        ///< remembered at most; one that owes nothing goes first
};

class device_quota {
 public:
  explicit device_quota(quota_limits limits) : limits_(limits) {}

  /// Charges a batch, right or wrong, by what it claims; errc::overloaded when its device owes too
  /// much. `most_decoded` is what would be decoded of any batch.
  result<void> admit(const topology::address& from, const topology::uts_batch& batch, std::uint64_t most_decoded,
                     time_point now);
  /// Whether `from` should have credit: none of its devices is at its end.
  [[nodiscard]] bool may_send(const topology::address& from) const;
  /// Lets time pass for all.
  void advance(time_point now);

  [[nodiscard]] bool has_room(device_id device, std::uint64_t samples, std::uint64_t bytes) const;
  /// The journal took these for an entry, until release().
  void hold(std::uint64_t entry, device_id device, std::uint64_t samples, std::uint64_t bytes);
  void release(std::uint64_t entry);

  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }
  /// Devices at their end at present.
  [[nodiscard]] std::size_t waiting() const;

 private:
  enum kind : std::size_t { samples, bytes, decoded, kinds };
  struct account {
    std::array<double, kinds> level{};   ///< below zero: owed
    time_point filled{};
    topology::address from;              ///< who last spoke for it
    std::uint64_t kept_samples = 0;
    std::uint64_t kept_bytes = 0;
  };
  struct holding {
    device_id device;
    std::uint64_t samples = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] double rate(std::size_t k) const;
  [[nodiscard]] double most(std::size_t k) const { return rate(k) * limits_.at_once_s; }
  void fill(account& a, time_point now) const;
  [[nodiscard]] bool at_its_end(const account& a) const;
  account* open(device_id device, time_point now);

  quota_limits limits_;
  std::map<device_id, account> accounts_;
  std::map<std::uint64_t, holding> held_;
  std::uint64_t refused_ = 0;
};

}  // namespace freshet::actors

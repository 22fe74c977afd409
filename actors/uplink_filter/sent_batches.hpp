// Batches that were sent and are not settled: the intake has not yet said of each of their samples that
// it is in the journal, or never will be. A batch that reached the intake and stays unanswered is due again,
// each time after a longer wait. Batches reach the intake in the order in which they were sent, so an answer
// to a later one tells that the earlier ones arrived.
// Thread contract: one owner.
#pragma once

#include "kernels/base/clock.hpp"
#include "topology/message/samples.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace freshet::actors {

class sent_batches {
 public:
  /// The waits double from `first_wait` up to 32 times of it.
  explicit sent_batches(duration first_wait) : first_wait_(first_wait) {}

  /// `number` is the owner's name for it, not in use. The batch must have samples.
  void add(std::uint64_t number, topology::uts_batch batch);
  /// These samples are settled. Returns the numbers of batches that are settled by it as a whole.
  std::vector<std::uint64_t> settle(device_id device, const std::vector<sequence>& positions);
  /// A batch to be sent again now; it counts as just sent. `all_arrived`: nothing is on the way.
  [[nodiscard]] const topology::uts_batch* overdue(bool all_arrived, time_point now);

  [[nodiscard]] std::size_t size() const noexcept { return sent_.size(); }
  /// Samples not settled.
  [[nodiscard]] std::size_t samples() const noexcept { return samples_; }

 private:
  struct entry {
    topology::uts_batch batch;
    std::set<std::uint64_t> open;       ///< positions not settled
    std::uint64_t order = 0;            ///< ascends with each sending
    std::optional<time_point> arrived;  ///< since when it is known to have reached the intake
    unsigned times = 0;                 ///< sent again
  };
  duration first_wait_;
  std::map<std::uint64_t, entry> sent_;
  std::uint64_t last_order_ = 0;
  std::uint64_t answered_order_ = 0;  ///< the latest that was answered
  std::size_t samples_ = 0;
};

}  // namespace freshet::actors

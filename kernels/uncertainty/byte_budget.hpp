// Holds a stream to a mean number of bytes a sample. A bucket gains the budget with every sample
// that goes by and pays for those that are sent; it starts half full and is never overdrawn, so
// in any n samples at most n * budget + bucket bytes leave, whatever the scores do. Its level also
// steers: the affordable share is the plain one (budget / bytes a sample) at half full, falls to
// nothing when empty and rises to everything when nearly full. So the long-run mean differs from the
// budget by no more than the bucket divided by n, for any stream that has enough to send.
// Thread contract: one owner.
#pragma once

#include <cstddef>

namespace freshet::uncertainty {

class byte_budget {
 public:
  /// `bytes_per_sample` <= 0: no limit. `bucket_samples` (> 0): the bucket holds that many samples' budget.
  byte_budget(double bytes_per_sample, double bucket_samples);

  [[nodiscard]] bool limited() const noexcept { return per_sample_ > 0; }
  /// A sample comes by that would cost `bytes`: fills the bucket, and returns the share of such
  /// samples that should be sent now, in [0, 1].
  double arrive(double bytes);
  /// Can `bytes` be paid now? A sample larger than the bucket can when the bucket is full (it then
  /// runs into debt, and nothing leaves until that is paid).
  [[nodiscard]] bool affords(double bytes) const;
  /// Pays; also corrects an estimate later, with a difference of either sign.
  void pay(double bytes);

  [[nodiscard]] double level() const noexcept { return level_; }
  [[nodiscard]] double capacity() const noexcept { return capacity_; }

 private:
  double per_sample_;
  double capacity_;
  double level_;
  double mean_bytes_ = 0;
};

}  // namespace freshet::uncertainty

#include "kernels/uncertainty/byte_budget.hpp"

#include <algorithm>

#include "kernels/base/check.hpp"

namespace freshet::uncertainty {
namespace {

// Weight of the newest sample in the mean of what samples cost: follows a change within some
// hundred samples without trembling at each.
constexpr double cost_memory = 1.0 / 128;

}  // namespace

byte_budget::byte_budget(double bytes_per_sample, double bucket_samples)
    : per_sample_(std::max(bytes_per_sample, 0.0)),
      capacity_(per_sample_ * bucket_samples),
      level_(0.5 * capacity_) {
  FRESHET_ENSURE(bucket_samples > 0, "a byte bucket holds more than nothing");
}

double byte_budget::arrive(double bytes) {
  if (!limited()) return 1.0;
  level_ = std::min(capacity_, level_ + per_sample_);
  mean_bytes_ = mean_bytes_ <= 0 ? bytes : mean_bytes_ + cost_memory * (bytes - mean_bytes_);
  const double plain = mean_bytes_ > 0 ? std::min(1.0, per_sample_ / mean_bytes_) : 1.0;
  const double half = 0.5 * capacity_;
  if (level_ < half) return plain * std::max(level_, 0.0) / half;
  // Everything is wanted one send before the brim, for what flows over is lost to the stream.
  const double room = std::max(0.5 * half, half - mean_bytes_ - per_sample_);
  return plain + (1.0 - plain) * std::min(1.0, (level_ - half) / room);
}

bool byte_budget::affords(double bytes) const { return !limited() || level_ >= std::min(bytes, capacity_); }

void byte_budget::pay(double bytes) {
  if (limited()) level_ = std::min(capacity_, level_ - bytes);
}

}  // namespace freshet::uncertainty

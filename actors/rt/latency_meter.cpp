#include "actors/rt/latency_meter.hpp"

#include <algorithm>
#include <cmath>

namespace freshet::rt {

namespace {

// Values below 4 ns have a bucket each; from there two bits after the leading one choose among
// the four buckets of a power of two.
std::size_t bucket_of(std::uint64_t ns) {
  if (ns < 4) return static_cast<std::size_t>(ns);
  unsigned exponent = 63u - static_cast<unsigned>(__builtin_clzll(ns));
  return static_cast<std::size_t>(exponent - 1) * 4 + static_cast<std::size_t>((ns >> (exponent - 2)) & 3u);
}

std::uint64_t upper_bound_of(std::size_t bucket) {
  if (bucket < 4) return bucket;
  std::size_t exponent = bucket / 4 + 1;
  return ((std::uint64_t{4} + bucket % 4 + 1) << (exponent - 2)) - 1;
}

}  // namespace

void latency_meter::add(duration d) {
  auto ns = static_cast<std::uint64_t>(std::max<duration::rep>(d.count(), 0));
  ++bucket_[bucket_of(ns)];
  ++count_;
  total_ += duration(static_cast<duration::rep>(ns));
  maximum_ = std::max(maximum_, duration(static_cast<duration::rep>(ns)));
}

duration latency_meter::quantile(double q) const {
  if (count_ == 0) return duration{};
  auto rank = static_cast<std::uint64_t>(std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_)));
  rank = std::max<std::uint64_t>(rank, 1);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_; ++i) {
    seen += bucket_[i];
    if (seen >= rank) return std::min(duration(static_cast<duration::rep>(upper_bound_of(i))), maximum_);
  }
  return maximum_;
}

std::vector<latency_meter::filled_bucket> latency_meter::filled() const {
  std::vector<filled_bucket> all;
  for (std::size_t i = 0; i < buckets_; ++i)
    if (bucket_[i] > 0) all.emplace_back(i, bucket_[i]);
  return all;
}

std::optional<latency_meter> latency_meter::of(const std::vector<filled_bucket>& filled, duration total,
                                               duration maximum) {
  latency_meter m;
  for (const auto& [bucket, count] : filled) {
    if (bucket >= buckets_) return std::nullopt;
    m.bucket_[bucket] += count;
    m.count_ += count;
  }
  m.total_ = total;
  m.maximum_ = maximum;
  return m;
}

void latency_meter::merge(const latency_meter& more) {
  for (std::size_t i = 0; i < buckets_; ++i) bucket_[i] += more.bucket_[i];
  count_ += more.count_;
  total_ += more.total_;
  maximum_ = std::max(maximum_, more.maximum_);
}

std::optional<latency_meter> latency_meter::since(const latency_meter& earlier) const {
  if (count_ < earlier.count_ || total_ < earlier.total_) return std::nullopt;
  latency_meter m;
  for (std::size_t i = 0; i < buckets_; ++i) {
    if (bucket_[i] < earlier.bucket_[i]) return std::nullopt;
    m.bucket_[i] = bucket_[i] - earlier.bucket_[i];
    if (m.bucket_[i] > 0) m.maximum_ = std::min(duration(static_cast<duration::rep>(upper_bound_of(i))), maximum_);
  }
  m.count_ = count_ - earlier.count_;
  m.total_ = total_ - earlier.total_;
  return m;
}

}  // namespace freshet::rt

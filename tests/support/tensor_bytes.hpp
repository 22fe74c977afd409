// What tensors of this thread hold while something runs.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <cstdint>
#include <memory>

namespace freshet::test {

/// Counts from its beginning on.
class tensor_bytes final : public c10::MemoryReportingInfoBase {
 public:
  // LibTorch 1.13 has the first, 2.x the second.
  void reportMemoryUsage(void* /*at*/, std::int64_t change, std::int64_t /*allocated*/, std::int64_t /*reserved*/,
                         c10::Device /*on*/) {
    count(change);
  }
  void reportMemoryUsage(void* /*at*/, std::int64_t change, std::size_t /*allocated*/, std::size_t /*reserved*/,
                         c10::Device /*on*/) {
    count(change);
  }
  [[nodiscard]] bool memoryProfilingEnabled() const override { return true; }
  [[nodiscard]] std::int64_t peak() const { return peak_; }

 private:
  void count(std::int64_t change) {
    now_ += change;
    peak_ = std::max(peak_, now_);
  }
  std::int64_t now_ = 0;
  std::int64_t peak_ = 0;
};

/// The most bytes that they hold at once, beyond those of before.
template <class Work>
std::int64_t most_tensor_bytes(Work work) {
  const auto meter = std::make_shared<tensor_bytes>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, meter);
  work();
  return meter->peak();
}

}  // namespace freshet::test

// Where time comes from. Everything else is told `now`; real_clock is the only reader of the
// machine's monotonic clock, and tests put a virtual source in its place.
// Thread contract: now() may be called from any thread.
#pragma once

#include "kernels/base/clock.hpp"

namespace freshet::rt {

class time_source {
 public:
  virtual ~time_source() = default;
  [[nodiscard]] virtual time_point now() const = 0;
};

class real_clock final : public time_source {
 public:
  [[nodiscard]] time_point now() const override;
};

}  // namespace freshet::rt

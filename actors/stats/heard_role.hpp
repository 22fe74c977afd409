// What STATS keeps of one role: its last report, and older ones of the same life to measure rates against.
// Thread contract: a plain value of its owner.
#pragma once

#include "kernels/base/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

namespace freshet::actors {

struct heard_report {
  std::uint32_t process_id = 0;
  std::uint64_t uptime_ms = 0;
  nlohmann::json stats;
  std::size_t bytes = 0;  ///< of its text
};

class heard_role {
 public:
  /// Rates are taken over at least one and at most two of these, once the role has lived so long.
  static constexpr std::uint64_t window_ms = 5000;

  void hear(heard_report report, time_point now);

  [[nodiscard]] const heard_report& last() const { return *last_; }
  /// The report that rates are measured against; `last()` itself while a life has only one.
  [[nodiscard]] const heard_report& before() const { return *far_; }
  /// Between those two, by the role's own clock; 0 while there is only one.
  [[nodiscard]] double window_seconds() const {
    return static_cast<double>(last_->uptime_ms - far_->uptime_ms) / 1000.0;
  }
  [[nodiscard]] time_point heard() const { return heard_; }
  /// The same without anything to measure rates against: nobody knows what a silent role does.
  [[nodiscard]] heard_role at_rest() const;

 private:
  std::shared_ptr<const heard_report> last_;
  std::shared_ptr<const heard_report> near_;
  std::shared_ptr<const heard_report> far_;
  time_point heard_{};
};

/// Whether `now` is a later word of the process and life that said `before`.
[[nodiscard]] bool same_life(const heard_report& before, const heard_report& now);

}  // namespace freshet::actors

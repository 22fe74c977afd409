// Who sent nonsense, and who is not listened to for a while because of it.
// Thread contract: owned by one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <string>

#include "kernels/base/clock.hpp"

namespace freshet::port {

struct conduct_limits {
  std::size_t strikes = 8;
  duration window = std::chrono::seconds(10);
  duration cut_off_time = std::chrono::seconds(5);
  std::size_t senders = 4096;   ///< remembered at most; names come from outside
};

class conduct {
 public:
  explicit conduct(conduct_limits limits) : limits_(limits) {}

  /// True when this strike cuts the sender off.
  bool strike(const std::string& sender, time_point now);
  [[nodiscard]] bool is_cut_off(const std::string& sender, time_point now) const;

 private:
  struct record {
    std::deque<time_point> strikes;
    time_point cut_off_until{};
  };
  void make_room(time_point now);

  conduct_limits limits_;
  std::map<std::string, record> records_;
};

}  // namespace freshet::port

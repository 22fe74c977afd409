// Accuracy along time, as far back as it is kept, so that a console that attaches sees how it came here.
// Thread contract: owned by one thread.
#pragma once

#include "actors/stats/live_document.hpp"

#include <cstdint>
#include <deque>

#include <nlohmann/json.hpp>

namespace freshet::actors {

class course {
 public:
  static constexpr std::size_t most_points = 300;
  static constexpr duration period = std::chrono::seconds(2);

  /// Takes a point in when one is due.
  void sample(const live_sources& from, duration uptime, time_point now);
  /// {"NUMBER": {"t_s", "adapting", "frozen", "phase"}}: numbers rise, old ones go.
  [[nodiscard]] const nlohmann::json& document() const { return points_; }

 private:
  nlohmann::json points_ = nlohmann::json::object();
  std::deque<std::string> order_;
  std::uint64_t number_ = 0;
  time_point next_{};
};

}  // namespace freshet::actors

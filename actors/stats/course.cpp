#include "actors/stats/course.hpp"

#include "actors/stats/figures.hpp"

#include <algorithm>
#include <utility>

namespace freshet::actors {

void course::sample(const live_sources& from, duration uptime, time_point now) {
  if (now < next_) return;
  next_ = now + period;
  const fleet_score score = score_of(from, now);
  if (score.phases.empty() && score.scored == 0) return;
  nlohmann::json point{{"t_s", std::chrono::duration_cast<std::chrono::seconds>(uptime).count()}};
  const auto share = [&](const char* key, std::uint64_t part, std::uint64_t of) {
    if (of > 0) point[key] = rounded(static_cast<double>(part) / static_cast<double>(of));
  };
  share("adapting", score.correct, score.scored);
  share("frozen", score.twin_correct, score.twin_scored);
  const auto most = std::max_element(score.phases.begin(), score.phases.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most != score.phases.end()) point["phase"] = most->first;
  order_.push_back(std::to_string(++number_));
  points_[order_.back()] = std::move(point);
  if (order_.size() <= most_points) return;
  points_.erase(order_.front());
  order_.pop_front();
}

}  // namespace freshet::actors

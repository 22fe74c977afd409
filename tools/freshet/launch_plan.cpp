#include "tools/freshet/launch_plan.hpp"

#include <algorithm>

#include "tools/freshet/exit_codes.hpp"

namespace freshet::cli {

std::optional<std::chrono::milliseconds> restart_plan::ended(time_point now, const ending& how) {
  // These do not change by trying again.
  if (!how.by_signal && (how.number == exit_usage || how.number == exit_bad_config)) return std::nullopt;
  if (now - started_ >= limits_.long_life) short_lives_ = 0;
  ++short_lives_;
  if (short_lives_ >= limits_.short_lives) return std::nullopt;
  auto delay = limits_.first_delay;
  for (std::size_t i = 1; i < short_lives_ && delay < limits_.longest_delay; ++i) delay *= 2;
  return std::min(delay, limits_.longest_delay);
}

}  // namespace freshet::cli

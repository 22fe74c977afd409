// Two ways to do the same thing, measured in turns (A B A B …) within one run, so that whatever
// else the machine does falls on both; and the table and JSON of such comparisons.
// Thread contract: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace freshet::cli {

/// What a comparison should reach.
struct bench_aim {
  enum class of : std::uint8_t { ratio, ours };
  of what = of::ratio;
  double bound = 0;
  bool at_most = false;   ///< else at least
};

/// One line of a report. `ratio` is ours over reference, the median over the turns.
struct comparison {
  std::string what;
  std::string unit;          ///< of `ours` and `reference`
  double ours = 0;
  std::string against;       ///< what the reference is
  double reference = 0;
  double ratio = 0;
  std::optional<bench_aim> aim;

  [[nodiscard]] bool met() const;  ///< true without an aim
};

struct turns {
  double ours = 0;        ///< median
  double reference = 0;   ///< median
  double ratio = 0;       ///< median of ours / reference, turn by turn
};

/// Calls both in turns, `rounds` times each after one that does not count; each returns its figure.
[[nodiscard]] turns in_turns(std::size_t rounds, const std::function<double()>& ours,
                             const std::function<double()>& reference);

/// Seconds that a call takes.
[[nodiscard]] double seconds_of(const std::function<void()>& call);
/// Of at least one value; the mean of the two in the middle for an even number.
[[nodiscard]] double median(std::vector<double> values);

[[nodiscard]] comparison compare(std::string what, std::string unit, std::string against, const turns& measured,
                                 std::optional<bench_aim> aim = std::nullopt);

[[nodiscard]] std::string comparison_table(const std::string& title, const std::vector<comparison>& lines);
/// {"bench", "processors", "load_average", "comparisons": [{what, unit, ours, against, reference, ratio, aim, met}]}
[[nodiscard]] nlohmann::json comparison_json(const std::string& bench, const std::vector<comparison>& lines);

}  // namespace freshet::cli

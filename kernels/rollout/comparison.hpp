// Whether one group agrees less often than another: counts of yes and no, in strata that are compared
// each within itself, so that groups that see different things are not taken for groups that do worse.
// Pure functions.
#pragma once

#include <cstdint>
#include <vector>

namespace freshet::rollout {

/// How often it was asked, and how often the answer was right.
struct tally {
  std::uint64_t asked = 0;
  std::uint64_t agreed = 0;
  [[nodiscard]] double share() const noexcept {
    return asked == 0 ? 0.0 : static_cast<double>(agreed) / static_cast<double>(asked);
  }
};

struct stratum {
  tally trial;
  tally control;
};

/// P(the trial side would agree as seldom as it did, or less | all margins), were both sides alike in
/// every stratum. Exact: the conditional distribution of the sum over strata, hypergeometric in each (Fisher's
/// test for one stratum). A small value says that the trial is worse. 1 where nothing can be compared.
[[nodiscard]] double chance_of_worse(const std::vector<stratum>& strata);

/// Control minus trial, each stratum weighed by n m / (n + m) (Mantel and Haenszel). 0 without weight.
[[nodiscard]] double loss_of(const std::vector<stratum>& strata);

struct interval {
  double low = -1;
  double high = 1;
};
/// Bounds of control minus trial within one stratum at `z` standard deviations: Wilson's intervals of
/// both shares, put together by Newcombe (1998, method 10). -1 to 1 where a side is empty.
[[nodiscard]] interval loss_bounds(const stratum& s, double z);

}  // namespace freshet::rollout

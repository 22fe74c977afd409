#include "kernels/rollout/comparison.hpp"

#include <algorithm>
#include <cmath>

namespace freshet::rollout {
namespace {

double log_choose(std::uint64_t n, std::uint64_t k) {
  const auto f = [](std::uint64_t x) { return std::lgamma(static_cast<double>(x) + 1.0); };
  return f(n) - f(k) - f(n - k);
}

struct distribution {
  std::uint64_t least = 0;
  std::vector<double> chance;  ///< of least, least + 1, ...
};

/// Of what the trial side gets when its share of all that agreed is drawn by lot.
distribution lot_of(const stratum& s) {
  const std::uint64_t all = s.trial.asked + s.control.asked;
  const std::uint64_t agreed = s.trial.agreed + s.control.agreed;
  distribution out;
  out.least = agreed > s.control.asked ? agreed - s.control.asked : 0;
  const std::uint64_t most = std::min(agreed, s.trial.asked);
  const double whole = log_choose(all, s.trial.asked);
  for (std::uint64_t x = out.least; x <= most; ++x) {
    out.chance.push_back(std::exp(log_choose(agreed, x) + log_choose(all - agreed, s.trial.asked - x) - whole));
  }
  return out;
}

distribution sum_of(const distribution& a, const distribution& b) {
  distribution out;
  out.least = a.least + b.least;
  out.chance.assign(a.chance.size() + b.chance.size() - 1, 0.0);
  for (std::size_t i = 0; i < a.chance.size(); ++i)
    for (std::size_t j = 0; j < b.chance.size(); ++j) out.chance[i + j] += a.chance[i] * b.chance[j];
  return out;
}

interval wilson(const tally& t, double z) {
  const auto n = static_cast<double>(t.asked);
  const double p = t.share();
  const double middle = p + z * z / (2 * n);
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  const double whole = 1 + z * z / n;
  return {(middle - half) / whole, (middle + half) / whole};
}

}  // namespace

double chance_of_worse(const std::vector<stratum>& strata) {
  distribution all{0, {1.0}};
  std::uint64_t seen = 0;
  for (const stratum& s : strata) {
    if (s.trial.asked == 0 || s.control.asked == 0) continue;
    all = sum_of(all, lot_of(s));
    seen += s.trial.agreed;
  }
  double chance = 0;
  for (std::size_t i = 0; i < all.chance.size() && all.least + i <= seen; ++i) chance += all.chance[i];
  return std::min(chance, 1.0);
}

double loss_of(const std::vector<stratum>& strata) {
  double sum = 0;
  double weights = 0;
  for (const stratum& s : strata) {
    if (s.trial.asked == 0 || s.control.asked == 0) continue;
    const auto n = static_cast<double>(s.trial.asked);
    const auto m = static_cast<double>(s.control.asked);
    sum += n * m / (n + m) * (s.control.share() - s.trial.share());
    weights += n * m / (n + m);
  }
  return weights == 0 ? 0.0 : sum / weights;
}

interval loss_bounds(const stratum& s, double z) {
  if (s.trial.asked == 0 || s.control.asked == 0) return {};
  const interval trial = wilson(s.trial, z);
  const interval control = wilson(s.control, z);
  const double p = s.control.share();
  const double q = s.trial.share();
  return {p - q - std::hypot(p - control.low, trial.high - q), p - q + std::hypot(control.high - p, q - trial.low)};
}

}  // namespace freshet::rollout

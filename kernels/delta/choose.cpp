#include "kernels/delta/choose.hpp"

#include "kernels/delta/sparse_topk.hpp"
#include "kernels/delta/update.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace freshet::delta {
namespace {

constexpr group_spec dense_specs[] = {{1, 64}, {1, 256}, {1, 0},  {2, 64},  {2, 256}, {3, 64},
                                      {4, 64}, {4, 256}, {8, 64}, {8, 256}, {16, 0}};
constexpr group_spec kept_specs[] = {{1, 64}, {1, 0}, {2, 64}, {4, 64}, {8, 64}};
constexpr double densest = 0.30;
constexpr double sparsest = 0.0005;
constexpr double density_ratio = 0.8;
constexpr int zstd_level = 9;

// The options of one segment, gathered while its values are at hand.
class segment_options {
 public:
  segment_options(const float* x, const float* importance, const layout& parts, const segment& part, int exponent,
                  std::uint64_t budget_bytes)
      : x_(x),
        importance_(importance),
        parts_(parts),
        count_(static_cast<std::size_t>(part.count)),
        exponent_(exponent),
        budget_bytes_(budget_bytes) {
    for (std::size_t i = 0; i < count_; ++i) any_worth_ = any_worth_ || worth(x_, importance_, i) > 0;
    if (!any_worth_) return;
    add_dense();
    add_kept();
  }

  std::vector<rate_option> rates;
  std::vector<segment_plan> plans;

 private:
  void offer(std::uint64_t data_bytes, double gain, const segment_plan& plan) {
    rates.push_back({data_bytes + segment_overhead_bytes(parts_, plan.groups()), gain});
    plans.push_back(plan);
  }

  [[nodiscard]] double weight(std::size_t i) const {
    return importance_ == nullptr ? 1.0 : static_cast<double>(importance_[i]);
  }

  void add_dense() {
    std::vector<float> decoded(count_);
    for (const group_spec& spec : dense_specs) {
      if (count_ <= 64 && spec.bits != 16 && spec.group != 64) continue;  // the same as one group of 64
      const std::uint64_t bytes = groups_bytes(count_, spec);
      if (bytes > budget_bytes_) continue;
      reconstruct_groups(x_, count_, spec, exponent_, decoded.data());
      double gain = 0;
      for (std::size_t i = 0; i < count_; ++i) {
        const double d = static_cast<double>(decoded[i]);
        gain += weight(i) * d * (2.0 * static_cast<double>(x_[i]) - d);
      }
      offer(bytes, gain, {segment_format::dense, spec.bits, spec.group, 0});
    }
  }

  void add_kept() {
    // The densest set once, in order of position and ranked by worth; every sparser set is a prefix of the ranks.
    const std::size_t most = keep_at(densest);
    const std::vector<std::uint32_t> widest = select_top(x_, importance_, count_, most);
    std::vector<double> worths(widest.size());
    for (std::size_t i = 0; i < widest.size(); ++i) worths[i] = worth(x_, importance_, widest[i]);
    std::vector<std::uint32_t> by_worth(widest.size());
    std::iota(by_worth.begin(), by_worth.end(), 0U);
    std::sort(by_worth.begin(), by_worth.end(),
              [&](std::uint32_t a, std::uint32_t b) { return worths[a] != worths[b] ? worths[a] > worths[b] : a < b; });
    const auto with_worth =
        static_cast<std::size_t>(std::count_if(worths.begin(), worths.end(), [](double value) { return value > 0; }));
    std::vector<std::uint32_t> rank(widest.size());
    for (std::size_t place = 0; place < by_worth.size(); ++place) {
      rank[by_worth[place]] = static_cast<std::uint32_t>(place);
    }
    std::size_t last = 0;
    for (double density = densest; density > sparsest; density *= density_ratio) {
      const std::size_t keep = std::min(keep_at(density), with_worth);
      if (keep == last) continue;
      last = keep;
      std::vector<std::uint32_t> positions;
      positions.reserve(keep);
      for (std::size_t i = 0; i < widest.size(); ++i) {
        if (rank[i] < keep) positions.push_back(widest[i]);
      }
      add_kept_at(positions);
    }
  }

  void add_kept_at(const std::vector<std::uint32_t>& positions) {
    const std::size_t keep = positions.size();
    // Positions cost the same at any number of bits.
    const group_spec bare{1, 0};
    const std::uint64_t by_rice = sparse_bytes(positions, bare) - groups_bytes(keep, bare);
    const std::uint64_t by_bitmap = bitmap_bytes(count_, keep, bare) - groups_bytes(keep, bare);
    const auto format = by_rice <= by_bitmap ? segment_format::sparse : segment_format::bitmap;
    const std::uint64_t place_bytes = std::min(by_rice, by_bitmap);
    if (place_bytes > budget_bytes_) return;
    const std::vector<float> kept = gather(x_, positions);
    std::vector<float> decoded(keep);
    for (const group_spec& spec : kept_specs) {
      const std::uint64_t bytes = place_bytes + groups_bytes(keep, spec);
      if (bytes > budget_bytes_) continue;
      reconstruct_groups(kept.data(), keep, spec, exponent_, decoded.data());
      double gain = 0;
      for (std::size_t i = 0; i < keep; ++i) {
        const double d = static_cast<double>(decoded[i]);
        gain += weight(positions[i]) * d * (2.0 * static_cast<double>(kept[i]) - d);
      }
      offer(bytes, gain, {format, spec.bits, spec.group, static_cast<std::uint32_t>(keep)});
    }
  }

  [[nodiscard]] std::size_t keep_at(double density) const {
    const double keep = std::round(density * static_cast<double>(count_));
    return std::clamp(static_cast<std::size_t>(keep), std::size_t{1}, count_);
  }

  const float* x_;
  const float* importance_;
  const layout& parts_;
  std::size_t count_;
  int exponent_;
  std::uint64_t budget_bytes_;
  bool any_worth_ = false;
};

result<void> check_importance(const float* importance, const layout& parts) {
  if (importance == nullptr) return {};
  const std::uint64_t n = parts.total();
  for (std::uint64_t i = 0; i < n; ++i) {
    if (!(importance[i] >= 0) || std::isinf(importance[i])) {
      return {errc::invalid_argument, "importance of value " + std::to_string(i) + " is " +
                                          std::to_string(importance[i]) + "; finite and not negative is right"};
    }
  }
  return {};
}

}  // namespace

result<rate_table> rate_table::measure(const float* delta, const float* importance, const layout& parts,
                                       std::uint64_t most_bytes) {
  FRESHET_TRY(check_delta(delta, parts));
  FRESHET_TRY(check_importance(importance, parts));
  rate_table out;
  out.overhead_bytes_ = update_overhead_bytes(parts);
  out.rates_.resize(parts.segments.size());
  out.plans_.resize(parts.segments.size());
  if (most_bytes <= out.overhead_bytes_) return out;
  const int exponent = update_exponent(delta, parts);
  for (std::size_t i = 0; i < parts.segments.size(); ++i) {
    const segment& part = parts.segments[i];
    segment_options options(delta + part.offset, importance == nullptr ? nullptr : importance + part.offset, parts,
                            part, exponent, most_bytes - out.overhead_bytes_);
    out.rates_[i] = std::move(options.rates);
    out.plans_[i] = std::move(options.plans);
  }
  return out;
}

update_plan rate_table::plan_for(std::uint64_t budget_bytes) const {
  update_plan plan;
  plan.zstd_level = zstd_level;
  plan.segments.resize(rates_.size());
  if (budget_bytes <= overhead_bytes_) return plan;
  const std::vector<std::size_t> picks = choose_rates(rates_, budget_bytes - overhead_bytes_);
  for (std::size_t i = 0; i < picks.size(); ++i) {
    if (picks[i] != no_option) plan.segments[i] = plans_[i][picks[i]];
  }
  return plan;
}

result<update_plan> choose_plan(const float* delta, const float* importance, const layout& parts,
                                std::uint64_t budget_bytes) {
  if (budget_bytes == 0) {
    return error{errc::invalid_argument, "a budget of 0 bytes; even the empty update takes 1"};
  }
  FRESHET_TRY_ASSIGN(const rate_table table, rate_table::measure(delta, importance, parts, budget_bytes));
  return table.plan_for(budget_bytes);
}

}  // namespace freshet::delta

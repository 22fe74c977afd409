// The filter's state for one device: its gate, what its features look like, and the samples that
// passed and are not packed yet.
// Thread contract: one owner.
#pragma once

#include <optional>
#include <vector>

#include "actors/uplink_filter/observation_check.hpp"
#include "actors/uplink_filter/source_model.hpp"
#include "actors/uplink_filter/spool.hpp"
#include "actors/uplink_filter/uplink_filter_core.hpp"
#include "kernels/uncertainty/scores.hpp"

namespace freshet::actors {

/// The strategies that the options name, found once.
struct filter_strategies {
  std::vector<uncertainty::sample_score> scores;
  uncertainty::token_score token_score;
  bool fits_gaussians = false;
};
result<filter_strategies> find_strategies(const uplink_filter_options& options);

class device_lane {
 public:
  device_lane(device_id device, const uplink_filter_options& options, const filter_strategies& strategies);

  /// What became of a sample.
  struct verdict {
    bool kept = false;
    bool probe = false;
    float uncertainty = 0;
  };
  /// Scores sample `index`, asks the gate, and adds what is kept to pending().
  result<verdict> judge(const topology::observation_batch& batch, const observation_shape& shape, std::size_t index);

  /// Must pending samples leave before one of that batch can be added? (Another tick or other shapes.)
  [[nodiscard]] bool must_seal_before(const topology::observation_batch& batch, const observation_shape& shape) const;
  [[nodiscard]] std::size_t pending() const noexcept { return open_.samples.size(); }
  /// Packs what is pending (maybe nothing) and tells the gate what it cost.
  result<shipment> seal(std::uint64_t tick, bool end_of_tick);

  [[nodiscard]] std::uint64_t tick() const noexcept { return open_.tick; }
  [[nodiscard]] const uncertainty::gate& gate() const noexcept { return gate_; }
  [[nodiscard]] bool source_known() const noexcept { return !strategies_.fits_gaussians || source_.ready(); }
  std::optional<time_point> oldest;  ///< when the first pending sample came; kept by the owner

 private:
  result<float> score_of(const uncertainty::sample_score& score, const uncertainty::sample_view& view);
  result<std::vector<float>> token_scores_of(const uncertainty::sample_view& view);
  const uplink_filter_options& options_;
  const filter_strategies& strategies_;
  uncertainty::gate gate_;
  uncertainty::score_context context_;
  source_model source_;
  rng draws_;
  shipment open_;
  double payload_ratio_;  ///< packed bytes a raw token byte, running mean
};

}  // namespace freshet::actors

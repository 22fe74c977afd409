// The distiller's memory of labelled samples: the newest window, a reservoir of all that came
// before, and a fixed set from the source domain against forgetting.
// Thread contract: one owner. Samples are immutable once added.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "kernels/base/host_tensor.hpp"
#include "kernels/base/rng.hpp"

namespace freshet::distill {

/// One labelled sample, as the student will read it. K kept tokens of P bytes or F features (none where the
/// student reads text only), A answer positions, k teacher logits a position.
struct labelled_sample {
  host_tensor patches;                   ///< u8 [K, P]; empty where the picture came as features
  host_tensor features = {};             ///< i8 [K, F] of the student's frozen vision tower, in its place
  std::vector<float> feature_scales = {};  ///< [K], times which they are
  std::vector<std::int64_t> positions;   ///< [K] cells of the grid
  std::vector<std::int32_t> prompt;
  std::vector<std::int32_t> answer;      ///< [A], end token included
  std::vector<std::int32_t> topk_ids;    ///< [A · k]; empty when the teacher gave none
  std::vector<float> topk_log_probs;     ///< [A · k]
  std::vector<float> rest_mass;          ///< [A]
  host_tensor teacher_visual;            ///< f32 [K, Dt] or empty
  host_tensor teacher_hidden;            ///< f32 [A, Dt] or empty
  float weight = 1;                      ///< of its labels in the loss
};
using sample_handle = std::shared_ptr<const labelled_sample>;

struct replay_options {
  std::size_t recent = 256;    ///< newest samples, drawn as "new"
  std::size_t reservoir = 1024;  ///< uniform over all that left the recent window (Vitter 1985, algorithm R)
};

/// Shares of a batch; what a pool cannot give is taken from the recent one.
struct batch_mix {
  double replay = 0.3;
  double source = 0.2;
};

class replay {
 public:
  replay(replay_options options, rng draw);

  /// What an add() has changed: the sample lies in that slot of the recent window; the one that lay there, if
  /// any, has moved to a slot of the reservoir or is gone.
  struct change {
    sample_handle sample;
    std::size_t recent_slot = 0;
    std::optional<std::size_t> moved_to;
  };
  change add(sample_handle sample);
  void set_source(std::vector<sample_handle> source) { source_ = std::move(source); }

  /// Where the counting stands: with the samples by their slots all that a later process needs to go on.
  struct marks {
    std::uint64_t oldest = 0;   ///< slot of the recent window
    std::uint64_t retired = 0;
    std::uint64_t seen = 0;
    std::array<std::uint64_t, 4> draws{};
    friend bool operator==(const marks& a, const marks& b) {
      return a.oldest == b.oldest && a.retired == b.retired && a.seen == b.seen && a.draws == b.draws;
    }
  };
  [[nodiscard]] marks where() const { return {oldest_, retired_, seen_, draw_.words()}; }
  [[nodiscard]] const std::vector<sample_handle>& recent() const { return recent_; }
  [[nodiscard]] const std::vector<sample_handle>& reservoir() const { return reservoir_; }
  /// Takes the place of all but the source set. When there is less room than there was, the newest of the
  /// recent window and the first of the reservoir stay, and false is returned: slots have changed.
  bool restore(std::vector<sample_handle> recent, std::vector<sample_handle> reservoir, const marks& at);

  [[nodiscard]] std::size_t recent_size() const { return recent_.size(); }
  [[nodiscard]] std::size_t reservoir_size() const { return reservoir_.size(); }
  [[nodiscard]] std::size_t source_size() const { return source_.size(); }
  [[nodiscard]] std::uint64_t seen() const { return seen_; }
  [[nodiscard]] bool empty() const { return recent_.empty(); }

  /// Draws without replacement within each pool as far as it reaches. Newer recent samples are no
  /// likelier than older ones.
  [[nodiscard]] std::vector<sample_handle> draw(std::size_t count, const batch_mix& mix);
  /// Draws go on as they would have where where() said this; the samples stay.
  void resume_draws(const std::array<std::uint64_t, 4>& draws) { draw_.resume(draws); }

 private:
  [[nodiscard]] std::vector<sample_handle> pick(const std::vector<sample_handle>& pool, std::size_t count);
  replay_options options_;
  rng draw_;
  std::vector<sample_handle> recent_;  ///< ring
  std::size_t oldest_ = 0;
  std::vector<sample_handle> reservoir_;
  std::vector<sample_handle> source_;
  std::uint64_t retired_ = 0;
  std::uint64_t seen_ = 0;
};

}  // namespace freshet::distill

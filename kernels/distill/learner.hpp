// The student's mirror in the cloud and how it learns: AKD (arXiv 2312.16279) with each term
// switchable, logit distillation, replay, anchors. A step over a batch is computed in parts (micro-batches, gradient
// accumulation); a part is one call, so that its owner can look up in between.
// Ownership: a learner owns its student and optimiser. Thread contract: one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/base/host_tensor.hpp"
#include "kernels/base/rng.hpp"
#include "kernels/distill/adamw.hpp"
#include "kernels/distill/batch_loss.hpp"
#include "kernels/distill/replay.hpp"
#include "kernels/model/multimodal.hpp"
#include "kernels/model/trainable_set.hpp"

namespace freshet::distill {

enum class anchor_kind : std::uint8_t {
  none,
  l2sp,  ///< pulls toward the values at construction, the base model (arXiv 1802.01483)
  ema,   ///< pulls toward an exponential mean of the student itself
};

struct learner_options : loss_weights {
  anchor_kind anchor = anchor_kind::none;
  double anchor_weight = 0;
  double ema_decay = 0.99;
  double learning_rate = 2e-3;
  double final_learning_rate = 2e-3;  ///< at the end of a refresh, reached along a cosine
  std::int64_t warm_up_steps = 10;
  adamw_options optimiser;
  std::size_t batch = 32;
  /// Samples computed at once, at most: what memory a step takes. 0 = the whole batch. The step is the same up to
  /// rounding (batch_loss.hpp), and bit for bit where the batch fits in one.
  std::size_t micro_batch = 0;
  /// Layers are computed once more on the way back instead of kept (model/recompute.hpp): the same bits.
  bool gradient_checkpointing = false;
  batch_mix mix;
  replay_options memory;
  std::uint64_t seed = 1;
};

struct step_report {
  double loss = 0;
  double gradient_norm = 0;
  double agreement = 0;  ///< share of answer positions where the student already says what the teacher says
  /// No term applied, or loss or gradient were not finite; nothing was changed. Where the loss is not finite what is
  /// left of the batch is not read, and agrees in nothing.
  bool skipped = false;
};

class learner {
 public:
  /// Takes the student with its adapter attached. `teacher_width` = Dt, needed for QKD terms only.
  learner(model::multimodal student, learner_options options, std::int64_t teacher_width);

  /// Takes a sample into memory. Nothing, and counted, when it does not fit the student (check_sample).
  std::optional<replay::change> add(sample_handle sample);
  /// As replay::restore(). Samples that do not fit the student are an error, and nothing is changed.
  result<bool> restore_memory(std::vector<sample_handle> recent, std::vector<sample_handle> reservoir,
                              const replay::marks& at);
  /// Replaces the source set; what does not fit is left out and counted. With `top_k` > 0 each sample
  /// that brings no logits gets the student's own of this moment, the top k of them: later on the student is
  /// held to what it said in its first domain (Learning without Forgetting, arXiv 1606.09282).
  void set_source(std::vector<sample_handle> source, std::size_t top_k = 0);
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] const replay& memory() const { return memory_; }

  /// Computes one more micro-batch of a step on a drawn batch, and with the last one takes the optimiser's step and
  /// reports. There must be samples (broken invariant). `progress` in [0, 1] says how far the refresh is; the learning
  /// rate falls along it.
  /// Between two calls nothing that can be read here shows the step that is under way: not values, optimiser, marks of
  /// the memory. Whoever changes one of them (write, restore_*, add, set_source) drops it, as if it had never begun.
  std::optional<step_report> advance(double progress = 0);
  /// All of a step, the rest of one that is under way.
  step_report step(double progress = 0);
  [[nodiscard]] std::int64_t steps() const { return optimiser_->current().steps; }

  /// The trainable values [N], what was learned so far.
  [[nodiscard]] host_tensor values() const { return trainable_.read(); }
  result<void> write(const host_tensor& values);
  /// Running mean of squared gradients [N], zero before the first step: a diagonal Fisher estimate.
  [[nodiscard]] host_tensor importance() const;
  [[nodiscard]] const model::trainable_set& trainable() const { return trainable_; }
  [[nodiscard]] const model::multimodal& student() const { return student_; }

  /// What else than the values a step reads: moments, alignment layers, the EMA anchor; as named
  /// tensors, to be kept with a version. A failed restore changes nothing.
  [[nodiscard]] std::vector<std::pair<std::string, host_tensor>> save_optimiser() const;
  result<void> restore_optimiser(const std::vector<std::pair<std::string, host_tensor>>& saved);

 private:
  /// A step of which some micro-batches are computed: their gradients are in the tensors, nothing else has changed.
  struct unfinished_step {
    std::vector<sample_handle> batch;
    std::array<std::uint64_t, 4> draws_after{};  ///< of the memory, once the step has ended
    batch_totals totals;
    std::size_t computed = 0;   ///< samples
    std::int64_t agreed = 0;    ///< answer positions
    double loss = 0;
    bool has_gradient = false;
  };
  void begin_step();
  step_report end_step(double progress);
  void drop_step();
  [[nodiscard]] double learning_rate(double progress) const;
  [[nodiscard]] at::Tensor anchor_loss() const;
  /// Tensors beside the trainable set that are saved with the optimiser.
  [[nodiscard]] std::vector<std::pair<std::string, at::Tensor>> companions() const;

  model::multimodal student_;
  learner_options options_;
  std::int64_t teacher_width_;
  model::trainable_set trainable_;
  std::vector<at::Tensor> start_, ema_;
  alignment_layers alignment_;
  std::unique_ptr<adamw> optimiser_;
  replay memory_;
  std::optional<unfinished_step> under_way_;
  std::uint64_t refused_ = 0;
};

}  // namespace freshet::distill

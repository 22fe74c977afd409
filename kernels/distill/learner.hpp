// The student's mirror in the cloud and how it learns: AKD (arXiv 2312.16279) with each term
// switchable, logit distillation, replay, anchors. One step is one call, so that its owner can look
// up in between.
// Ownership: a learner owns its student and optimiser. Thread contract: one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/base/host_tensor.hpp"
#include "kernels/base/rng.hpp"
#include "kernels/distill/adamw.hpp"
#include "kernels/distill/replay.hpp"
#include "kernels/model/llava.hpp"
#include "kernels/model/trainable_set.hpp"

namespace freshet::distill {

enum class anchor_kind : std::uint8_t {
  none,
  l2sp,  ///< pulls toward the values at construction, the base model (arXiv 1802.01483)
  ema,   ///< pulls toward an exponential mean of the student itself
};

struct learner_options {
  double pseudo_label = 1;       ///< weight of CE with the teacher's answers
  double visual_qkd = 0;         ///< weight of QKD on visual tokens after the projector
  double hidden_qkd = 0;         ///< weight of QKD on final hidden states at answer positions
  double logit_kd = 1;           ///< weight of top-k logit distillation
  double temperature = 2;        ///< of logit distillation
  anchor_kind anchor = anchor_kind::none;
  double anchor_weight = 0;
  double ema_decay = 0.99;
  double learning_rate = 2e-3;
  double final_learning_rate = 2e-3;  ///< at the end of a refresh, reached along a cosine
  std::int64_t warm_up_steps = 10;
  adamw_options optimiser;
  std::size_t batch = 32;
  batch_mix mix;
  replay_options memory;
  std::uint64_t seed = 1;
};

struct step_report {
  double loss = 0;
  double gradient_norm = 0;
  double agreement = 0;  ///< share of answer positions where the student already says what the teacher says
  bool skipped = false;  ///< no term applied, or loss or gradient were not finite; nothing was changed
};

class learner {
 public:
  /// Takes the student with its adapter attached. `teacher_width` = Dt, needed for QKD terms only.
  learner(model::llava student, learner_options options, std::int64_t teacher_width);

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

  /// One optimiser step on a drawn batch. There must be samples (broken invariant). `progress` in
  /// [0, 1] says how far the refresh is; the learning rate falls along it.
  step_report step(double progress = 0);
  [[nodiscard]] std::int64_t steps() const { return optimiser_->current().steps; }

  /// The trainable values [N], what was learned so far.
  [[nodiscard]] host_tensor values() const { return trainable_.read(); }
  result<void> write(const host_tensor& values) { return trainable_.write(values); }
  /// Running mean of squared gradients [N], zero before the first step: a diagonal Fisher estimate.
  [[nodiscard]] host_tensor importance() const;
  [[nodiscard]] const model::trainable_set& trainable() const { return trainable_; }
  [[nodiscard]] const model::llava& student() const { return student_; }

  /// What else than the values a step reads: moments, alignment layers, the EMA anchor; as named
  /// tensors, to be kept with a version. A failed restore changes nothing.
  [[nodiscard]] std::vector<std::pair<std::string, host_tensor>> save_optimiser() const;
  result<void> restore_optimiser(const std::vector<std::pair<std::string, host_tensor>>& saved);

 private:
  [[nodiscard]] double learning_rate(double progress) const;
  [[nodiscard]] at::Tensor anchor_loss() const;
  /// Tensors beside the trainable set that are saved with the optimiser.
  [[nodiscard]] std::vector<std::pair<std::string, at::Tensor>> companions() const;

  model::llava student_;
  learner_options options_;
  std::int64_t teacher_width_;
  model::trainable_set trainable_;
  std::vector<at::Tensor> start_, ema_;
  at::Tensor align_visual_weight_, align_visual_bias_, align_hidden_weight_, align_hidden_bias_;
  std::unique_ptr<adamw> optimiser_;
  replay memory_;
  std::uint64_t refused_ = 0;
};

}  // namespace freshet::distill

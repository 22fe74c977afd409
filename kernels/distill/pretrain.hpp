// Pretraining: one model of the pair from answered examples. The teacher sees all domains, the
// student the first one only; both learn to read pictures of which tokens are missing.
// Thread contract: one training loop a call, on the caller's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/base/rng.hpp"
#include "kernels/model/multimodal.hpp"
#include "kernels/model/tokenizer.hpp"
#include "kernels/scenes/source.hpp"

namespace freshet::distill {

/// Draws an example; the callee owns nothing. Pictures have the model's side.
using example_draw = std::function<result<scenes::example>(rng&)>;

struct pretrain_options {
  std::int64_t batch_pictures = 24;
  std::size_t questions_per_picture = 6;
  double learning_rate = 1e-3;
  double weight_decay = 0.05;
  double dropped_batches = 0.5;  ///< share of batches in which tokens are missing
  double fewest_tokens = 0.15;   ///< smallest share of tokens left in such a batch
  double smoothing = 0.0;        ///< label smoothing
  std::uint64_t seed = 1;
};

struct pretrain_progress {
  std::int64_t step = 0;
  std::int64_t pictures = 0;
  double loss = 0;      ///< running mean
  double accuracy = 0;  ///< running mean over the words of training answers
  double learning_rate = 0;
};

/// Trains in place. `elapsed` says which share of the allotted time or steps is used up, in [0, 1]
/// (the learning rate warms up and then falls to zero along it); 1 ends the training. `report` is
/// called after each step.
result<void> pretrain(model::multimodal& m, const model::tokenizer& words, const example_draw& draw,
                      const pretrain_options& options, const std::function<double(std::int64_t step)>& elapsed,
                      const std::function<void(const pretrain_progress&)>& report);

/// Share of right answers (whole answer, greedy) over examples; each draws `keep` of the tokens.
/// Answers of more than 64 tokens are taken as wrong.
struct accuracy_report {
  double accuracy = 0;
  std::int64_t answered = 0;
};
result<accuracy_report> measure_accuracy(const model::multimodal& m, const model::tokenizer& words,
                                         const std::vector<scenes::example>& examples, double keep, std::uint64_t seed);

}  // namespace freshet::distill

// The distillation loss of a batch of labelled samples (AKD, arXiv 2312.16279), as a sum over parts of it: each term is
// divided by what the whole batch divides by (batch_totals, known before any forward pass), so parts add up to the batch's
// loss and gradient, up to rounding. In a quantised student rounding may tip an activation over to its next 8-bit step:
// thousandths of a gradient, as by the last bit of a weight. One thing more hangs on what is read at once: a decoder with
// `dynamic` rotary scaling, beyond max_position_embeddings, turns by its longest row, as the reference does.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "kernels/distill/losses.hpp"
#include "kernels/distill/replay.hpp"
#include "kernels/model/multimodal.hpp"

namespace freshet::distill {

struct loss_weights {
  double pseudo_label = 1;       ///< weight of CE with the teacher's answers
  double visual_qkd = 0;         ///< weight of QKD on visual tokens after the projector
  double hidden_qkd = 0;         ///< weight of QKD on final hidden states at answer positions
  double logit_kd = 1;           ///< weight of top-k logit distillation
  double temperature = 2;        ///< of logit distillation
};

/// What brings the student's features (width D) to the teacher's (Dt) for QKD, trained along: weights [Dt, D], biases
/// [Dt]. Undefined where its term has no weight.
struct alignment_layers {
  at::Tensor visual_weight, visual_bias, hidden_weight, hidden_bias;
};

/// What the samples of a batch share.
struct batch_totals {
  std::int64_t positions = 0;    ///< answer positions
  std::size_t kept_logits = 0;   ///< teacher logits a position; samples with fewer or none have no say in logit_kd
  double label_weight = 0;       ///< sum of the samples' weights over answer positions
  double logit_weight = 0;       ///< the same over those of samples with a say in logit_kd
  qkd_counts visual, hidden;     ///< over samples with features of the teacher; none where the term has no weight
};
[[nodiscard]] batch_totals totals_of(const std::vector<sample_handle>& batch, const loss_weights& weights);

struct part_loss {
  at::Tensor loss;          ///< f32 []; wants no gradient where no term applies to these samples
  std::int64_t agreed = 0;  ///< answer positions where the student already says what the teacher says
};
/// What `part`, at least one sample, adds to the loss of the batch with these totals.
[[nodiscard]] part_loss loss_of(const model::multimodal& student, const alignment_layers& alignment,
                                const loss_weights& weights, const std::vector<sample_handle>& part,
                                const batch_totals& batch);

}  // namespace freshet::distill

#include "kernels/distill/batch_loss.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "kernels/distill/sample_batch.hpp"

namespace freshet::distill {
namespace {

std::size_t logits_of(const labelled_sample& s) {
  return s.rest_mass.empty() ? 0 : s.topk_ids.size() / s.rest_mass.size();
}

/// What the samples say of their answer positions, M in all; k logits each where k > 0.
struct position_targets {
  std::vector<float> weights;         ///< [M]
  std::vector<float> logit_weights;   ///< [M], 0 where the sample has not k logits
  std::vector<std::int64_t> ids;      ///< [M · k]
  std::vector<float> log_probs;       ///< [M · k]
  std::vector<float> rest;            ///< [M]
  bool any_logits = false;
};

position_targets targets_of(const std::vector<sample_handle>& samples, std::size_t k) {
  position_targets out;
  for (const auto& s : samples) {
    const bool has_logits = k > 0 && logits_of(*s) == k;
    out.any_logits = out.any_logits || has_logits;
    for (std::size_t a = 0; a < s->answer.size(); ++a) {
      out.weights.push_back(s->weight);
      out.logit_weights.push_back(has_logits ? s->weight : 0);
      // Any words will do for those that have no say.
      for (std::size_t i = 0; i < k; ++i) {
        out.ids.push_back(has_logits ? s->topk_ids[a * k + i] : static_cast<std::int32_t>(i));
        out.log_probs.push_back(has_logits ? s->topk_log_probs[a * k + i] : -1.0F);
      }
      out.rest.push_back(has_logits ? s->rest_mass[a] : 0.5F);
    }
  }
  return out;
}

/// QKD on the visual tokens [N, K, D] of the samples whose teacher features came along; undefined when there are none.
at::Tensor visual_term(const at::Tensor& visual, const alignment_layers& alignment,
                       const std::vector<sample_handle>& part, const batch_totals& batch) {
  std::vector<std::int64_t> with;
  std::vector<host_tensor> teacher;
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i]->teacher_visual.empty()) continue;
    with.push_back(static_cast<std::int64_t>(i));
    teacher.push_back(part[i]->teacher_visual);
  }
  if (with.empty()) return {};
  const padded_rows target = pad_rows(teacher);
  const at::Tensor mine =
      at::linear(visual.index_select(0, at::tensor(with, at::kLong)), alignment.visual_weight, alignment.visual_bias)
          .narrow(1, 0, target.values.size(1));
  return qkd(mine, target.values, target.valid, batch.visual);
}

/// The same on the hidden states [M, D] at answer positions.
at::Tensor hidden_term(const at::Tensor& hidden, const alignment_layers& alignment,
                       const std::vector<sample_handle>& part, const batch_totals& batch) {
  std::vector<at::Tensor> student;
  std::vector<host_tensor> teacher;
  std::int64_t first_label = 0;
  for (const auto& s : part) {
    const auto answers = static_cast<std::int64_t>(s->answer.size());
    if (!s->teacher_hidden.empty()) {
      teacher.push_back(s->teacher_hidden);
      student.push_back(hidden.narrow(0, first_label, answers));
    }
    first_label += answers;
  }
  if (student.empty()) return {};
  const padded_rows target = pad_rows(teacher);
  for (at::Tensor& h : student) h = at::constant_pad_nd(h, {0, 0, 0, target.values.size(1) - h.size(0)});
  return qkd(at::linear(at::stack(student), alignment.hidden_weight, alignment.hidden_bias), target.values, target.valid,
             batch.hidden);
}

}  // namespace

batch_totals totals_of(const std::vector<sample_handle>& batch, const loss_weights& weights) {
  batch_totals out;
  for (const auto& s : batch) out.kept_logits = std::max(out.kept_logits, logits_of(*s));
  const position_targets targets = targets_of(batch, out.kept_logits);
  out.positions = static_cast<std::int64_t>(targets.weights.size());
  out.label_weight = at::tensor(targets.weights).sum().item<double>();
  out.logit_weight = at::tensor(targets.logit_weights).sum().item<double>();
  for (const auto& s : batch) {
    if (weights.visual_qkd > 0 && !s->teacher_visual.empty()) out.visual.add(s->teacher_visual.shape().at(0));
    if (weights.hidden_qkd > 0 && !s->teacher_hidden.empty()) out.hidden.add(s->teacher_hidden.shape().at(0));
  }
  return out;
}

part_loss loss_of(const model::multimodal& student, const alignment_layers& alignment, const loss_weights& weights,
                  const std::vector<sample_handle>& part, const batch_totals& batch) {
  const qa_batch read = pack_samples(part, student.config());
  const at::Tensor visual = visual_tokens(student, read);
  const at::Tensor hidden = label_hidden(student, visual, read);
  const at::Tensor logits = student.logits(hidden);
  const position_targets targets = targets_of(part, batch.kept_logits);

  part_loss out{at::zeros({}), 0};
  const auto add = [&](double weight, const at::Tensor& term) {
    if (term.defined()) out.loss = out.loss + weight * term;
  };
  if (weights.pseudo_label > 0) {
    add(weights.pseudo_label,
        weighted_cross_entropy(logits, read.labels, at::tensor(targets.weights), batch.label_weight));
  }
  if (weights.logit_kd > 0 && targets.any_logits) {
    const auto k = static_cast<std::int64_t>(batch.kept_logits);
    add(weights.logit_kd, topk_distillation(logits, at::tensor(targets.ids, at::kLong).reshape({-1, k}),
                                            at::tensor(targets.log_probs).reshape({-1, k}), at::tensor(targets.rest),
                                            at::tensor(targets.logit_weights), weights.temperature, batch.logit_weight));
  }
  if (weights.visual_qkd > 0) add(weights.visual_qkd, visual_term(visual, alignment, part, batch));
  if (weights.hidden_qkd > 0) add(weights.hidden_qkd, hidden_term(hidden, alignment, part, batch));
  out.agreed = logits.detach().argmax(-1).eq(read.labels).sum().item<std::int64_t>();
  return out;
}

}  // namespace freshet::distill

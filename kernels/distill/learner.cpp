#include "kernels/distill/learner.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "kernels/distill/losses.hpp"
#include "kernels/distill/qa_batch.hpp"
#include "kernels/distill/sample_check.hpp"
#include "kernels/model/patches.hpp"
#include "kernels/model/tensor_bridge.hpp"

namespace freshet::distill {
namespace {

/// Kept patches of several samples, padded to the longest.
model::visual_input visual_of(const std::vector<sample_handle>& samples, const model::pixel_scaling& pixels) {
  std::int64_t longest = 1;
  bool ragged = false;
  for (const auto& s : samples) {
    const auto k = static_cast<std::int64_t>(s->positions.size());
    ragged = ragged || (longest != 1 && k != longest);
    longest = std::max(longest, k);
  }
  for (const auto& s : samples) ragged = ragged || static_cast<std::int64_t>(s->positions.size()) != longest;
  const auto n = static_cast<std::int64_t>(samples.size());
  const std::int64_t width = samples.front()->patches.shape().at(1);
  at::Tensor bytes = at::zeros({n, longest, width}, at::kByte);
  at::Tensor positions = at::zeros({n, longest}, at::kLong);
  at::Tensor valid = at::zeros({n, longest}, at::kBool);
  for (std::int64_t i = 0; i < n; ++i) {
    const labelled_sample& s = *samples[static_cast<std::size_t>(i)];
    std::memcpy(bytes.data_ptr<std::uint8_t>() + i * longest * width, s.patches.data(), s.patches.bytes());
    std::copy(s.positions.begin(), s.positions.end(), positions.data_ptr<std::int64_t>() + i * longest);
    std::fill_n(valid.data_ptr<bool>() + i * longest, s.positions.size(), true);
  }
  model::visual_input in;
  in.patches = model::normalise_patches(bytes, pixels);
  in.positions = positions;
  if (ragged) in.valid = valid;
  return in;
}

/// Rows of several samples' [n_i, D] tensors, padded to [N, longest, D] beside their mask.
std::pair<at::Tensor, at::Tensor> pad_rows(const std::vector<host_tensor>& parts) {
  std::int64_t longest = 1;
  for (const auto& p : parts) longest = std::max(longest, p.shape().at(0));
  const std::int64_t width = parts.front().shape().at(1);
  const auto n = static_cast<std::int64_t>(parts.size());
  at::Tensor rows = at::zeros({n, longest, width});
  at::Tensor valid = at::zeros({n, longest}, at::kBool);
  for (std::int64_t i = 0; i < n; ++i) {
    const host_tensor& p = parts[static_cast<std::size_t>(i)];
    std::memcpy(rows.data_ptr<float>() + i * longest * width, p.data(), p.bytes());
    std::fill_n(valid.data_ptr<bool>() + i * longest, p.shape().at(0), true);
  }
  return {rows, valid};
}

/// The samples, each with the student's top k logits at its answer positions, unless it has some.
std::vector<sample_handle> with_own_logits(const model::llava& student, const std::vector<sample_handle>& samples,
                                           std::size_t top_k) {
  const at::NoGradGuard no_grad;
  const auto k = std::min<std::int64_t>(static_cast<std::int64_t>(top_k), student.config().text.vocab_size);
  constexpr std::size_t at_once = 64;
  std::vector<sample_handle> out;
  for (std::size_t from = 0; from < samples.size(); from += at_once) {
    const std::vector<sample_handle> part(
        samples.begin() + static_cast<std::ptrdiff_t>(from),
        samples.begin() + static_cast<std::ptrdiff_t>(std::min(samples.size(), from + at_once)));
    std::vector<std::vector<qa_block>> blocks;
    for (const auto& s : part) blocks.push_back({{s->prompt, s->answer}});
    const qa_batch batch = pack_batch(visual_of(part, student.config().vision->pixels), blocks);
    const at::Tensor logits = student.logits(label_hidden(student, student.visual_tokens(batch.visual), batch));
    const auto [log_probs, ids] = at::log_softmax(logits, -1).topk(k, -1);
    const at::Tensor rest = (1 - log_probs.exp().sum(-1)).clamp(0, 1).contiguous();
    const at::Tensor values = log_probs.contiguous();
    const at::Tensor words = ids.to(at::kInt).contiguous();
    std::int64_t row = 0;
    for (const auto& s : part) {
      const auto answers = static_cast<std::int64_t>(s->answer.size());
      if (s->rest_mass.empty()) {
        auto with = std::make_shared<labelled_sample>(*s);
        const auto* first_id = words.data_ptr<std::int32_t>() + row * k;
        const auto* first_value = values.data_ptr<float>() + row * k;
        with->topk_ids.assign(first_id, first_id + answers * k);
        with->topk_log_probs.assign(first_value, first_value + answers * k);
        with->rest_mass.assign(rest.data_ptr<float>() + row, rest.data_ptr<float>() + row + answers);
        out.push_back(std::move(with));
      } else {
        out.push_back(s);
      }
      row += answers;
    }
  }
  return out;
}

at::Tensor fresh_alignment(std::int64_t to, std::int64_t from, rng& draw) {
  std::vector<float> values(static_cast<std::size_t>(to * from));
  const double bound = 1.0 / std::sqrt(static_cast<double>(from));
  for (float& x : values) x = static_cast<float>(draw.uniform(-bound, bound));
  return at::tensor(values).reshape({to, from}).set_requires_grad(true);
}

}  // namespace

learner::learner(model::llava student, learner_options options, std::int64_t teacher_width)
    : student_(std::move(student)),
      options_(std::move(options)),
      teacher_width_(options_.visual_qkd > 0 || options_.hidden_qkd > 0 ? teacher_width : 0),
      trainable_(model::trainable_set::of(student_.weights())),
      memory_(options_.memory, rng(options_.seed).split("replay")) {
  std::vector<at::Tensor> tensors;
  for (const auto& t : trainable_.tensors()) {
    t.value.set_requires_grad(true);
    tensors.push_back(t.value);
    if (options_.anchor != anchor_kind::none) start_.push_back(t.value.detach().clone());
    if (options_.anchor == anchor_kind::ema) ema_.push_back(t.value.detach().clone());
  }
  const std::int64_t width = student_.config().text.hidden_size;
  rng draw = rng(options_.seed).split("alignment");
  if (options_.visual_qkd > 0) {
    FRESHET_ENSURE(teacher_width > 0, "learner: QKD needs the teacher's width");
    align_visual_weight_ = fresh_alignment(teacher_width, width, draw);
    align_visual_bias_ = at::zeros({teacher_width}).set_requires_grad(true);
    tensors.push_back(align_visual_weight_);
    tensors.push_back(align_visual_bias_);
  }
  if (options_.hidden_qkd > 0) {
    FRESHET_ENSURE(teacher_width > 0, "learner: QKD needs the teacher's width");
    align_hidden_weight_ = fresh_alignment(teacher_width, width, draw);
    align_hidden_bias_ = at::zeros({teacher_width}).set_requires_grad(true);
    tensors.push_back(align_hidden_weight_);
    tensors.push_back(align_hidden_bias_);
  }
  optimiser_ = std::make_unique<adamw>(std::move(tensors), options_.optimiser);
}

std::optional<replay::change> learner::add(sample_handle sample) {
  if (!check_sample(*sample, student_.config(), teacher_width_).ok()) {
    ++refused_;
    return std::nullopt;
  }
  return memory_.add(std::move(sample));
}

result<bool> learner::restore_memory(std::vector<sample_handle> recent, std::vector<sample_handle> reservoir,
                                     const replay::marks& at) {
  for (const auto* pool : {&recent, &reservoir}) {
    for (const auto& s : *pool) FRESHET_TRY(check_sample(*s, student_.config(), teacher_width_));
  }
  return memory_.restore(std::move(recent), std::move(reservoir), at);
}

void learner::set_source(std::vector<sample_handle> source, std::size_t top_k) {
  const auto unfit = [&](const sample_handle& s) { return !check_sample(*s, student_.config(), teacher_width_).ok(); };
  const auto good = std::remove_if(source.begin(), source.end(), unfit);
  refused_ += static_cast<std::uint64_t>(source.end() - good);
  source.erase(good, source.end());
  if (top_k > 0) source = with_own_logits(student_, source, top_k);
  memory_.set_source(std::move(source));
}

double learner::learning_rate(double progress) const {
  constexpr double half_turn = 3.141592653589793;
  const auto done = static_cast<double>(steps());
  const double warm =
      options_.warm_up_steps > 0 ? std::min(1.0, (done + 1) / static_cast<double>(options_.warm_up_steps)) : 1.0;
  const double left = 0.5 * (1 + std::cos(half_turn * std::clamp(progress, 0.0, 1.0)));
  return warm * (options_.final_learning_rate + left * (options_.learning_rate - options_.final_learning_rate));
}

at::Tensor learner::anchor_loss() const {
  const std::vector<at::Tensor>& toward = options_.anchor == anchor_kind::ema ? ema_ : start_;
  at::Tensor sum = at::zeros({});
  for (std::size_t i = 0; i < toward.size(); ++i) {
    sum = sum + (trainable_.tensors()[i].value - toward[i]).square().sum();
  }
  return sum;
}

step_report learner::step(double progress) {
  FRESHET_ENSURE(!memory_.empty(), "learner: no sample to learn from");
  const std::vector<sample_handle> samples = memory_.draw(options_.batch, options_.mix);
  std::vector<std::vector<qa_block>> blocks;
  std::vector<float> weights;
  std::vector<std::int64_t> ids;
  std::vector<float> log_probs;
  std::vector<float> rest;
  std::vector<float> kd_weights;
  std::size_t kept_logits = 0;
  for (const auto& s : samples) {
    if (!s->rest_mass.empty()) kept_logits = std::max(kept_logits, s->topk_ids.size() / s->rest_mass.size());
  }
  for (const auto& s : samples) {
    blocks.push_back({{s->prompt, s->answer}});
    const bool has_logits = !s->rest_mass.empty() && s->topk_ids.size() / s->rest_mass.size() == kept_logits;
    for (std::size_t a = 0; a < s->answer.size(); ++a) {
      weights.push_back(s->weight);
      kd_weights.push_back(has_logits ? s->weight : 0);
      for (std::size_t i = 0; i < kept_logits; ++i) {
        ids.push_back(has_logits ? s->topk_ids[a * kept_logits + i] : static_cast<std::int32_t>(i));
        log_probs.push_back(has_logits ? s->topk_log_probs[a * kept_logits + i] : -1.0F);
      }
      rest.push_back(has_logits ? s->rest_mass[a] : 0.5F);
    }
  }
  const qa_batch batch = pack_batch(visual_of(samples, student_.config().vision->pixels), blocks);
  const at::Tensor visual = student_.visual_tokens(batch.visual);
  const at::Tensor hidden = label_hidden(student_, visual, batch);
  const at::Tensor logits = student_.logits(hidden);

  at::Tensor loss = at::zeros({});
  if (options_.pseudo_label > 0) {
    loss = loss + options_.pseudo_label * weighted_cross_entropy(logits, batch.labels, at::tensor(weights));
  }
  if (options_.logit_kd > 0 && kept_logits > 0) {
    const auto k = static_cast<std::int64_t>(kept_logits);
    loss = loss + options_.logit_kd * topk_distillation(logits, at::tensor(ids, at::kLong).reshape({-1, k}),
                                                        at::tensor(log_probs).reshape({-1, k}), at::tensor(rest),
                                                        at::tensor(kd_weights), options_.temperature);
  }
  // Feature terms: over the samples whose teacher features came along.
  std::vector<std::int64_t> with_visual;
  std::vector<host_tensor> teacher_visual;
  std::vector<std::int64_t> with_hidden;
  std::vector<host_tensor> teacher_hidden;
  std::int64_t first_label = 0;
  std::vector<at::Tensor> student_hidden;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto answers = static_cast<std::int64_t>(samples[i]->answer.size());
    if (options_.visual_qkd > 0 && !samples[i]->teacher_visual.empty()) {
      with_visual.push_back(static_cast<std::int64_t>(i));
      teacher_visual.push_back(samples[i]->teacher_visual);
    }
    if (options_.hidden_qkd > 0 && !samples[i]->teacher_hidden.empty()) {
      teacher_hidden.push_back(samples[i]->teacher_hidden);
      student_hidden.push_back(hidden.narrow(0, first_label, answers));
    }
    first_label += answers;
  }
  if (!with_visual.empty()) {
    const auto [target, valid] = pad_rows(teacher_visual);
    const at::Tensor mine = at::linear(visual.index_select(0, at::tensor(with_visual, at::kLong)), align_visual_weight_,
                                       align_visual_bias_)
                                .narrow(1, 0, target.size(1));
    loss = loss + options_.visual_qkd * qkd(mine, target, valid);
  }
  if (!teacher_hidden.empty()) {
    const auto [target, valid] = pad_rows(teacher_hidden);
    std::vector<at::Tensor> padded;
    for (const at::Tensor& h : student_hidden) {
      padded.push_back(at::constant_pad_nd(h, {0, 0, 0, target.size(1) - h.size(0)}));
    }
    loss = loss + options_.hidden_qkd *
                      qkd(at::linear(at::stack(padded), align_hidden_weight_, align_hidden_bias_), target, valid);
  }
  if (options_.anchor != anchor_kind::none && options_.anchor_weight > 0) {
    loss = loss + options_.anchor_weight * anchor_loss();
  }

  step_report report;
  report.loss = loss.item<double>();
  report.agreement = logits.detach().argmax(-1).eq(batch.labels).to(at::kFloat).mean().item<double>();
  // Without a term there is nothing to differentiate: no sample brought what the terms want.
  if (!std::isfinite(report.loss) || !loss.requires_grad()) {
    report.skipped = true;
    return report;
  }
  torch::autograd::backward({loss}, {});
  report.gradient_norm = optimiser_->step(learning_rate(progress));
  if (!std::isfinite(report.gradient_norm)) {
    report.skipped = true;
    return report;
  }
  if (options_.anchor == anchor_kind::ema) {
    for (std::size_t i = 0; i < ema_.size(); ++i) {
      ema_[i].lerp_(trainable_.tensors()[i].value.detach(), 1 - options_.ema_decay);
    }
  }
  return report;
}

host_tensor learner::importance() const {
  std::vector<float> flat(trainable_.size());
  const auto& second = optimiser_->current().second;
  for (std::size_t i = 0; i < trainable_.tensors().size(); ++i) {
    const at::Tensor values = second[i].contiguous();
    std::memcpy(flat.data() + trainable_.tensors()[i].offset, values.data_ptr<float>(),
                static_cast<std::size_t>(values.numel()) * sizeof(float));
  }
  return host_tensor::of(std::move(flat));
}

std::vector<std::pair<std::string, at::Tensor>> learner::companions() const {
  std::vector<std::pair<std::string, at::Tensor>> out;
  if (align_visual_weight_.defined()) {
    out.emplace_back("alignment.visual.weight", align_visual_weight_);
    out.emplace_back("alignment.visual.bias", align_visual_bias_);
  }
  if (align_hidden_weight_.defined()) {
    out.emplace_back("alignment.hidden.weight", align_hidden_weight_);
    out.emplace_back("alignment.hidden.bias", align_hidden_bias_);
  }
  for (std::size_t i = 0; i < ema_.size(); ++i) out.emplace_back("anchor.ema." + std::to_string(i), ema_[i]);
  return out;
}

std::vector<std::pair<std::string, host_tensor>> learner::save_optimiser() const {
  std::vector<std::pair<std::string, host_tensor>> out;
  const adamw::state& s = optimiser_->current();
  out.emplace_back("optimiser.steps", model::to_host(at::tensor(std::vector<std::int64_t>{s.steps}, at::kLong)));
  for (std::size_t i = 0; i < s.first.size(); ++i) {
    out.emplace_back("optimiser.first." + std::to_string(i), model::to_host(s.first[i].clone()));
    out.emplace_back("optimiser.second." + std::to_string(i), model::to_host(s.second[i].clone()));
  }
  for (const auto& [name, value] : companions()) out.emplace_back(name, model::to_host(value.detach().clone()));
  return out;
}

result<void> learner::restore_optimiser(const std::vector<std::pair<std::string, host_tensor>>& saved) {
  std::map<std::string, const host_tensor*> by_name;
  for (const auto& [name, tensor] : saved) by_name[name] = &tensor;
  const auto like = [&](const std::string& name, const at::Tensor& shape) -> result<at::Tensor> {
    const auto found = by_name.find(name);
    if (found == by_name.end()) return error{errc::corrupt, "saved optimiser: no " + name};
    if (found->second->type() != dtype::f32 || found->second->shape() != shape.sizes().vec()) {
      return error{errc::shape_mismatch, "saved optimiser: " + name + " does not fit this student"};
    }
    return model::to_torch(*found->second).clone();
  };
  const auto steps = by_name.find("optimiser.steps");
  if (steps == by_name.end() || steps->second->type() != dtype::i64 || steps->second->items() != 1 ||
      steps->second->as<std::int64_t>()[0] < 0) {
    return error{errc::corrupt, "saved optimiser: optimiser.steps must be one number, not negative"};
  }
  adamw::state s;
  s.steps = steps->second->as<std::int64_t>()[0];
  const adamw::state& now = optimiser_->current();
  for (std::size_t i = 0; i < now.first.size(); ++i) {
    FRESHET_TRY_ASSIGN(at::Tensor first, like("optimiser.first." + std::to_string(i), now.first[i]));
    FRESHET_TRY_ASSIGN(at::Tensor second, like("optimiser.second." + std::to_string(i), now.second[i]));
    s.first.push_back(std::move(first));
    s.second.push_back(std::move(second));
  }
  std::vector<at::Tensor> beside;
  for (const auto& item : companions()) {
    FRESHET_TRY_ASSIGN(at::Tensor restored, like(item.first, item.second));
    beside.push_back(std::move(restored));
  }
  optimiser_->restore(std::move(s));
  std::size_t i = 0;
  for (const auto& item : companions()) item.second.detach().copy_(beside[i++]);
  return {};
}

}  // namespace freshet::distill

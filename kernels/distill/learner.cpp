#include "kernels/distill/learner.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <utility>

#include "kernels/distill/sample_batch.hpp"
#include "kernels/distill/sample_check.hpp"
#include "kernels/model/tensor_bridge.hpp"

namespace freshet::distill {
namespace {

/// The samples, each with the student's top k logits at its answer positions, unless it has some.
std::vector<sample_handle> with_own_logits(const model::multimodal& student, const std::vector<sample_handle>& samples,
                                           std::size_t top_k, std::size_t at_once) {
  const at::NoGradGuard no_grad;
  const auto k = std::min<std::int64_t>(static_cast<std::int64_t>(top_k), student.config().text.vocab_size);
  std::vector<sample_handle> out;
  for (std::size_t from = 0; from < samples.size(); from += at_once) {
    const std::vector<sample_handle> part(
        samples.begin() + static_cast<std::ptrdiff_t>(from),
        samples.begin() + static_cast<std::ptrdiff_t>(std::min(samples.size(), from + at_once)));
    const qa_batch batch = pack_samples(part, student.config());
    const at::Tensor logits = student.logits(label_hidden(student, visual_tokens(student, batch), batch));
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

learner::learner(model::multimodal student, learner_options options, std::int64_t teacher_width)
    : student_(std::move(student)),
      options_(std::move(options)),
      teacher_width_(options_.visual_qkd > 0 || options_.hidden_qkd > 0 ? teacher_width : 0),
      trainable_(model::trainable_set::of(student_.weights())),
      memory_(options_.memory, rng(options_.seed).split("replay")) {
  student_.recompute_layers(options_.gradient_checkpointing);
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
    alignment_.visual_weight = fresh_alignment(teacher_width, width, draw);
    alignment_.visual_bias = at::zeros({teacher_width}).set_requires_grad(true);
    tensors.push_back(alignment_.visual_weight);
    tensors.push_back(alignment_.visual_bias);
  }
  if (options_.hidden_qkd > 0) {
    FRESHET_ENSURE(teacher_width > 0, "learner: QKD needs the teacher's width");
    alignment_.hidden_weight = fresh_alignment(teacher_width, width, draw);
    alignment_.hidden_bias = at::zeros({teacher_width}).set_requires_grad(true);
    tensors.push_back(alignment_.hidden_weight);
    tensors.push_back(alignment_.hidden_bias);
  }
  optimiser_ = std::make_unique<adamw>(std::move(tensors), options_.optimiser);
}

std::optional<replay::change> learner::add(sample_handle sample) {
  if (!check_sample(*sample, student_.config(), teacher_width_).ok()) {
    ++refused_;
    return std::nullopt;
  }
  drop_step();
  return memory_.add(std::move(sample));
}

result<bool> learner::restore_memory(std::vector<sample_handle> recent, std::vector<sample_handle> reservoir,
                                     const replay::marks& at) {
  for (const auto* pool : {&recent, &reservoir}) {
    for (const auto& s : *pool) FRESHET_TRY(check_sample(*s, student_.config(), teacher_width_));
  }
  drop_step();
  return memory_.restore(std::move(recent), std::move(reservoir), at);
}

void learner::set_source(std::vector<sample_handle> source, std::size_t top_k) {
  const auto unfit = [&](const sample_handle& s) { return !check_sample(*s, student_.config(), teacher_width_).ok(); };
  const auto good = std::remove_if(source.begin(), source.end(), unfit);
  refused_ += static_cast<std::uint64_t>(source.end() - good);
  source.erase(good, source.end());
  drop_step();
  // Without gradients there is room for more than in a step, unless steps have little room.
  constexpr std::size_t usual = 64;
  const bool cut = options_.micro_batch > 0 && options_.micro_batch < options_.batch;
  const std::size_t at_once = cut ? std::min(options_.micro_batch, usual) : usual;
  if (top_k > 0) source = with_own_logits(student_, source, top_k, at_once);
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

void learner::begin_step() {
  FRESHET_ENSURE(!memory_.empty(), "learner: no sample to learn from");
  unfinished_step fresh;
  const auto before = memory_.where().draws;
  fresh.batch = memory_.draw(options_.batch, options_.mix);
  fresh.draws_after = memory_.where().draws;
  memory_.resume_draws(before);
  fresh.totals = totals_of(fresh.batch, options_);
  under_way_ = std::move(fresh);
}

void learner::drop_step() {
  if (!under_way_) return;
  optimiser_->clear_gradients();
  under_way_.reset();
}

std::optional<step_report> learner::advance(double progress) {
  if (!under_way_) begin_step();
  unfinished_step& now = *under_way_;
  const std::size_t left = now.batch.size() - now.computed;
  const std::size_t count = options_.micro_batch > 0 ? std::min(options_.micro_batch, left) : left;
  const auto first = now.batch.begin() + static_cast<std::ptrdiff_t>(now.computed);
  part_loss part = loss_of(student_, alignment_, options_, {first, first + static_cast<std::ptrdiff_t>(count)}, now.totals);
  // Of no sample, so once a step.
  const bool anchored = options_.anchor != anchor_kind::none && options_.anchor_weight > 0;
  if (anchored && now.computed == 0) part.loss = part.loss + options_.anchor_weight * anchor_loss();
  now.computed += count;
  now.agreed += part.agreed;
  now.loss += part.loss.item<double>();
  if (!std::isfinite(now.loss)) return end_step(progress);
  // Without a term there is nothing to differentiate: no sample brought what the terms want.
  if (part.loss.requires_grad()) {
    torch::autograd::backward({part.loss}, {});
    now.has_gradient = true;
  }
  if (now.computed < now.batch.size()) return std::nullopt;
  return end_step(progress);
}

step_report learner::step(double progress) {
  for (;;) {
    if (const auto report = advance(progress)) return *report;
  }
}

step_report learner::end_step(double progress) {
  const unfinished_step done = *std::exchange(under_way_, std::nullopt);
  memory_.resume_draws(done.draws_after);
  step_report report;
  report.loss = done.loss;
  report.agreement = static_cast<double>(done.agreed) / static_cast<double>(done.totals.positions);
  if (!std::isfinite(report.loss) || !done.has_gradient) {
    optimiser_->clear_gradients();
    report.skipped = true;
    return report;
  }
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

result<void> learner::write(const host_tensor& values) {
  FRESHET_TRY(trainable_.write(values));
  drop_step();
  return {};
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
  if (alignment_.visual_weight.defined()) {
    out.emplace_back("alignment.visual.weight", alignment_.visual_weight);
    out.emplace_back("alignment.visual.bias", alignment_.visual_bias);
  }
  if (alignment_.hidden_weight.defined()) {
    out.emplace_back("alignment.hidden.weight", alignment_.hidden_weight);
    out.emplace_back("alignment.hidden.bias", alignment_.hidden_bias);
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
  drop_step();
  optimiser_->restore(std::move(s));
  std::size_t i = 0;
  for (const auto& item : companions()) item.second.detach().copy_(beside[i++]);
  return {};
}

}  // namespace freshet::distill

// The distiller's own cycle against a bare LibTorch loop.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/optim/adamw.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "actors/assembly/line_adapters.hpp"
#include "actors/assembly/model_cache.hpp"
#include "actors/compressor/compressor_core.hpp"
#include "actors/distiller/distiller_core.hpp"
#include "config/schema/distiller.hpp"
#include "kernels/base/check.hpp"
#include "kernels/distill/qa_batch.hpp"
#include "kernels/model/patches.hpp"
#include "kernels/model/trainable_set.hpp"
#include "kernels/scenes/scene_source.hpp"
#include "tools/freshet/bench/kernels_bench.hpp"

namespace freshet::cli {
namespace {

constexpr std::size_t training_rounds = 3;
constexpr std::size_t teacher_words = 8;        // top-k logits of a label
constexpr double budget_share = 0.08;           // of the fp16 update
const topology::address teacher{"bench", "teacher"};
const topology::address intake{"bench", "intake"};
const topology::address compressor{"bench", "compressor"};
const topology::address deployer{"bench", "deployer"};

/// Keeps what a core sends, and the first complaint.
class collecting_outbox final : public actors::outbox {
 public:
  void send(const topology::address& to, topology::shared_message m) override {
    if (to == deployer || to == intake) return;
    sent.push_back(*m);
  }
  [[nodiscard]] std::size_t room(const topology::address&) const override { return 64; }
  [[nodiscard]] std::size_t on_the_way(const topology::address&) const override { return 0; }
  void wake_after(duration) override {}
  void log(actors::log_level level, std::string text) override {
    if (level >= actors::log_level::warn && !complaint) complaint = std::move(text);
  }
  template <class T>
  std::optional<T> take() {
    for (auto it = sent.begin(); it != sent.end(); ++it) {
      if (auto* m = std::get_if<T>(&*it)) {
        T out = std::move(*m);
        sent.erase(it);
        return out;
      }
    }
    return std::nullopt;
  }
  std::vector<topology::any_message> sent;
  std::optional<std::string> complaint;
};

/// Labelled samples of equal shape: the same number of kept tokens, question and answer words, so that
/// every batch costs the same and a fixed one stands for all.
result<topology::labelled_batch> equal_samples(const actors::loaded_model& student, std::size_t count) {
  const model::vision_config& vision = *student.net->config().vision;
  FRESHET_TRY_ASSIGN(const scenes::scene_domain domain,
                     scenes::scene_domain::named("clean", 0.0, static_cast<int>(vision.image_size)));
  const scenes::scene_source stream(domain, 7);
  const auto tokens = static_cast<std::size_t>(vision.cells());
  const std::size_t kept = tokens / 2;
  std::map<std::pair<std::size_t, std::size_t>, std::vector<scenes::sample>> shapes;
  const std::vector<scenes::sample>* chosen = nullptr;
  for (std::uint64_t i = 0; chosen == nullptr; ++i) {
    FRESHET_TRY_ASSIGN(scenes::sample s, stream.at(i));
    if (!s.answer) return error{errc::unsupported, "a scene without an answer"};
    const std::size_t prompt = distill::prompt_tokens(*student.words, s.question).size();
    auto& alike = shapes[{prompt, distill::answer_tokens(*student.words, *s.answer).size()}];
    alike.push_back(std::move(s));
    if (alike.size() == count) chosen = &alike;
  }

  topology::labelled_batch out;
  topology::uts_batch& b = out.batch;
  b.tokens_per_sample = static_cast<std::uint32_t>(tokens);
  b.token_bytes = static_cast<std::uint32_t>(vision.cell_values());
  std::vector<std::uint8_t> payload;
  rng draw(8);
  for (const scenes::sample& s : *chosen) {
    const auto patches = model::cut_patches(s.picture.rgb.data(), vision.image_size, vision.cell_size());
    std::vector<std::size_t> order(tokens);
    for (std::size_t t = 0; t < tokens; ++t) order[t] = t;
    draw.shuffle(order);
    order.resize(kept);
    std::sort(order.begin(), order.end());
    topology::uts_sample sample;
    sample.position = sequence{s.index};
    sample.question = s.question;
    sample.kept.assign((tokens + 7) / 8, 0);
    sample.kept_count = static_cast<std::uint32_t>(kept);
    for (const std::size_t t : order) {
      sample.kept[t / 8] = static_cast<std::uint8_t>(sample.kept[t / 8] | (1U << (t % 8)));
      const auto first = patches.begin() + static_cast<std::ptrdiff_t>(t * b.token_bytes);
      payload.insert(payload.end(), first, first + b.token_bytes);
    }
    b.samples.push_back(std::move(sample));
    topology::teacher_label label;
    label.answer = *s.answer;
    label.confidence = 0.9F;
    label.answer_tokens = distill::answer_tokens(*student.words, *s.answer);
    for (const std::int32_t wanted : label.answer_tokens) {
      label.topk_ids.push_back(wanted);
      label.topk_logits.push_back(std::log(0.9F));
      for (std::int32_t id = 0; label.topk_ids.size() % teacher_words != 0; ++id) {
        if (id == wanted) continue;
        label.topk_ids.push_back(id);
        label.topk_logits.push_back(std::log(0.01F));
      }
      label.rest_mass.push_back(0.03F);
    }
    out.labels.push_back(std::move(label));
  }
  b.payload = host_tensor::of(std::move(payload));
  return out;
}

distill::learner_options learning_of(const config::distiller_settings& s) {
  distill::learner_options o;
  o.pseudo_label = s.terms.pseudo_label;
  o.logit_kd = s.terms.logit_kd;
  o.temperature = s.terms.kd_temperature;
  o.anchor = distill::anchor_kind::l2sp;
  o.anchor_weight = s.terms.anchor_weight;
  o.learning_rate = s.learning_rate;
  o.final_learning_rate = s.final_learning_rate;
  o.optimiser.beta1 = s.beta1;
  o.optimiser.beta2 = s.beta2;
  o.optimiser.weight_decay = s.weight_decay;
  o.optimiser.clip = s.clip;
  o.batch = s.batch;
  o.mix.replay = s.replay_share;
  o.mix.source = 0;   // the source set keeps whole pictures: another shape
  o.memory.recent = s.recent_window;
  o.memory.reservoir = s.replay_capacity;
  return o;
}

/// Labels in, steps, a version out. The compressor is another role with a thread of its own, so its
/// time does not count here.
class engine_cycle {
 public:
  static result<std::unique_ptr<engine_cycle>> make(const actors::student_line& student,
                                                    const config::distiller_settings& settings,
                                                    const topology::labelled_batch& labels) {
    actors::compressor_options compressing;
    compressing.parts = student.parts;
    compressing.budget_share = budget_share;
    FRESHET_TRY_ASSIGN(auto compressor_core, actors::make_compressor(compressing));
    actors::distiller_options o;
    o.intake = intake;
    o.compressor = compressor;
    o.deployer = deployer;
    o.line = student.line;
    o.teacher = "bench";
    o.labelling.confidence_floor = settings.terms.confidence_floor;
    o.steps_per_refresh = settings.steps_per_refresh;
    o.refresh_samples = labels.labels.size();
    distill::learner learner(student.base.net->clone(), learning_of(settings), 0);
    FRESHET_TRY_ASSIGN(actors::labelled_samples known,
                       actors::read_labels(labels, *student.base.net->config().vision, *student.base.words, o.labelling));
    // Both the recent window and the reservoir have something to draw.
    const std::size_t fill = 2 * settings.recent_window / std::max<std::size_t>(1, known.samples.size()) + 1;
    for (std::size_t i = 0; i < fill; ++i) {
      for (const auto& s : known.samples) {
        if (!learner.add(s)) return error{errc::shape_mismatch, "a scene does not fit the student"};
      }
    }
    auto out = std::unique_ptr<engine_cycle>(new engine_cycle(o, std::move(learner), student, labels));
    out->compressor_ = std::move(compressor_core);
    out->core_.start(out->now_, out->outbox_);
    return out;
  }

  /// Seconds of one refresh.
  result<double> run() {
    topology::labelled_batch labels = labels_;
    labels.lease = ++lease_;
    double seconds = seconds_of([&] {
      core_.handle(teacher, labels, now_, outbox_);
      while (core_.work(now_, outbox_)) {
      }
    });
    auto request = outbox_.take<topology::refresh_request>();
    if (!request) return error{errc::corrupt, outbox_.complaint.value_or("the distiller asked for no update")};
    compressor_->handle({"bench", "distiller"}, *request, now_, outbox_);
    while (compressor_->work(now_, outbox_)) {
    }
    auto ready = outbox_.take<topology::refresh_ready>();
    if (!ready) return error{errc::corrupt, outbox_.complaint.value_or("the compressor made no update")};
    const version before = core_.committed();
    seconds += seconds_of([&] { core_.handle(compressor, *ready, now_, outbox_); });
    if (core_.committed() == before) return error{errc::corrupt, outbox_.complaint.value_or("no version was committed")};
    return seconds;
  }

 private:
  engine_cycle(actors::distiller_options o, distill::learner learner, const actors::student_line& student,
               topology::labelled_batch labels)
      : core_(std::move(o), std::move(learner), student.base.words), labels_(std::move(labels)) {}

  actors::distiller_core core_;
  std::unique_ptr<actors::role_core> compressor_;
  topology::labelled_batch labels_;
  collecting_outbox outbox_;
  time_point now_{};
  std::uint64_t lease_ = 0;
};

/// The same model, loss and optimiser over one batch of ready tensors, with nothing around it.
class bare_loop {
 public:
  bare_loop(const actors::student_line& student, const config::distiller_settings& settings,
            const std::vector<distill::sample_handle>& samples)
      : settings_(settings), student_(student.base.net->clone()) {
    const auto trainable = model::trainable_set::of(student_.weights());
    for (const auto& t : trainable.tensors()) {
      t.value.set_requires_grad(true);
      parameters_.push_back(t.value);
      start_.push_back(t.value.detach().clone());
    }
    optimiser_ = std::make_unique<torch::optim::AdamW>(parameters_, torch::optim::AdamWOptions(settings.learning_rate)
                                                                        .betas({settings.beta1, settings.beta2})
                                                                        .weight_decay(settings.weight_decay));
    std::vector<at::Tensor> patches;
    std::vector<at::Tensor> positions;
    std::vector<std::vector<distill::qa_block>> blocks;
    std::vector<std::int64_t> ids;
    std::vector<float> log_probs;
    std::vector<float> rest;
    std::vector<float> weights;
    for (std::size_t i = 0; i < settings.batch; ++i) {
      const distill::labelled_sample& s = *samples[i % samples.size()];
      patches.push_back(at::from_blob(const_cast<std::uint8_t*>(s.patches.data()), s.patches.shape(), at::kByte).clone());
      positions.push_back(at::tensor(s.positions, at::kLong));
      blocks.push_back({{s.prompt, s.answer}});
      ids.insert(ids.end(), s.topk_ids.begin(), s.topk_ids.end());
      log_probs.insert(log_probs.end(), s.topk_log_probs.begin(), s.topk_log_probs.end());
      rest.insert(rest.end(), s.rest_mass.begin(), s.rest_mass.end());
      weights.insert(weights.end(), s.answer.size(), s.weight);
    }
    model::visual_input visual;
    visual.patches = model::normalise_patches(at::stack(patches));
    visual.positions = at::stack(positions);
    batch_ = distill::pack_batch(std::move(visual), blocks);
    const auto k = static_cast<std::int64_t>(teacher_words);
    ids_ = at::tensor(ids, at::kLong).reshape({-1, k});
    weights_ = at::tensor(weights);
    const at::Tensor all = at::cat({at::tensor(log_probs).reshape({-1, k}), at::tensor(rest).log().unsqueeze(1)}, 1);
    teacher_ = at::log_softmax(all / settings.terms.kd_temperature, 1);
  }

  void step() {
    const double t = settings_.terms.kd_temperature;
    const at::Tensor hidden = distill::label_hidden(student_, student_.visual_tokens(batch_.visual), batch_);
    const at::Tensor logits = student_.logits(hidden);
    const at::Tensor all = at::log_softmax(logits, 1);
    const at::Tensor wanted = -all.gather(1, batch_.labels.unsqueeze(1)).squeeze(1);
    const at::Tensor rest = at::logsumexp(all.scatter(1, ids_, -1e30), {1}, true);
    const at::Tensor said = at::log_softmax(at::cat({all.gather(1, ids_), rest}, 1) / t, 1);
    const at::Tensor apart = (teacher_.exp() * (teacher_ - said)).sum(1);
    at::Tensor loss = ((settings_.terms.pseudo_label * wanted + settings_.terms.logit_kd * t * t * apart) * weights_).sum() /
                      weights_.sum();
    at::Tensor moved = at::zeros({});
    for (std::size_t i = 0; i < parameters_.size(); ++i) moved = moved + (parameters_[i] - start_[i]).square().sum();
    loss = loss + settings_.terms.anchor_weight * moved;
    optimiser_->zero_grad();
    torch::autograd::backward({loss}, {});
    double squares = 0;
    for (const at::Tensor& p : parameters_) {
      if (p.grad().defined()) squares += p.grad().square().sum().item<double>();
    }
    const double shrink = settings_.clip / std::max(settings_.clip, std::sqrt(squares));
    if (shrink < 1) {
      for (const at::Tensor& p : parameters_) {
        if (p.grad().defined()) p.grad().mul_(shrink);
      }
    }
    optimiser_->step();
    last_loss_ = loss.item<double>();
  }
  [[nodiscard]] double last_loss() const { return last_loss_; }

 private:
  config::distiller_settings settings_;
  model::multimodal student_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> start_;
  std::unique_ptr<torch::optim::AdamW> optimiser_;
  distill::qa_batch batch_;
  at::Tensor ids_, weights_, teacher_;
  double last_loss_ = 0;
};

}  // namespace

result<std::vector<comparison>> bench_distillation(const std::string& student, const progress_text& progress) {
  progress("distillation: models and samples");
  const config::distiller_settings settings;
  actors::model_cache models;
  FRESHET_TRY_ASSIGN(const actors::student_line line, models.student(student, "auto", actors::adapters_of(settings)));
  if (!line.base.net->config().vision) return error{errc::unsupported, student + ": the student needs a vision tower"};
  FRESHET_TRY_ASSIGN(const topology::labelled_batch labels, equal_samples(line.base, settings.refresh_samples));
  FRESHET_TRY_ASSIGN(const auto engine, engine_cycle::make(line, settings, labels));
  FRESHET_TRY_ASSIGN(const actors::labelled_samples samples,
                     actors::read_labels(labels, *line.base.net->config().vision, *line.base.words, {}));
  bare_loop bare(line, settings, samples.samples);

  const double trained = static_cast<double>(settings.steps_per_refresh) * settings.batch;
  std::optional<error> failed;
  std::size_t turn = 0;
  const turns t = in_turns(
      training_rounds,
      [&] {
        progress("distillation: turn " + std::to_string(++turn) + " of " + std::to_string(training_rounds + 1));
        const auto seconds = engine->run();
        if (!seconds.ok()) {
          if (!failed) failed = seconds.err();
          return 1.0;
        }
        return trained / *seconds;
      },
      [&] {
        if (failed) return 1.0;
        return trained / seconds_of([&] {
                 for (std::uint32_t i = 0; i < settings.steps_per_refresh; ++i) bare.step();
               });
      });
  if (failed) return *failed;
  if (!std::isfinite(bare.last_loss())) return error{errc::corrupt, "the bare loop diverged: it did not do the same work"};
  return std::vector<comparison>{compare("distillation, whole refresh", "samples/s", "bare LibTorch loop, same shapes", t,
                                         bench_aim{bench_aim::of::ratio, 0.95, false})};
}

}  // namespace freshet::cli

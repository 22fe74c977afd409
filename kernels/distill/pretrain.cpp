#include "kernels/distill/pretrain.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/distill/adamw.hpp"
#include "kernels/distill/qa_batch.hpp"
#include "kernels/model/generate.hpp"
#include "kernels/model/patches.hpp"

namespace freshet::distill {
namespace {

/// The pictures of examples as patches, of which `keep` a picture are left, drawn at random.
result<model::visual_input> visual_of(const model::multimodal& m, const std::vector<scenes::example>& examples,
                                      std::int64_t keep, rng& draw) {
  const model::vision_config& v = *m.config().vision;
  const auto n = static_cast<std::int64_t>(examples.size());
  const std::int64_t cells = v.cells();
  const std::int64_t width = v.cell_values();
  at::Tensor bytes = at::empty({n, cells, width}, at::kByte);
  for (std::int64_t i = 0; i < n; ++i) {
    const scenes::image& picture = examples[static_cast<std::size_t>(i)].picture;
    if (picture.width != v.image_size || picture.height != v.image_size) {
      return error{errc::shape_mismatch, "picture of " + std::to_string(picture.width) + "x" +
                                             std::to_string(picture.height) + " pixels, the model reads " +
                                             std::to_string(v.image_size)};
    }
    const auto patches = model::cut_patches(picture.rgb.data(), v.image_size, v.cell_size());
    std::copy(patches.begin(), patches.end(), bytes.data_ptr<std::uint8_t>() + i * cells * width);
  }
  model::visual_input in;
  in.patches = model::normalise_patches(bytes, v.pixels);
  if (keep < cells) {
    in.positions = at::empty({n, keep}, at::kLong);
    std::vector<std::int64_t> order(static_cast<std::size_t>(cells));
    for (std::int64_t i = 0; i < n; ++i) {
      std::iota(order.begin(), order.end(), 0);
      draw.shuffle(order);
      std::sort(order.begin(), order.begin() + keep);
      std::copy(order.begin(), order.begin() + keep, in.positions.data_ptr<std::int64_t>() + i * keep);
    }
    in.patches = in.patches.gather(1, in.positions.unsqueeze(-1).expand({n, keep, width}));
  }
  return in;
}

constexpr int most_skipped_steps = 20;
constexpr int most_unasked_draws = 1000;

/// Marks tensors as wanting gradients, for as long as it lives.
class gradients_wanted {
 public:
  explicit gradients_wanted(std::vector<at::Tensor> tensors) : tensors_(std::move(tensors)) {
    for (const at::Tensor& t : tensors_) t.set_requires_grad(true);
  }
  ~gradients_wanted() {
    for (const at::Tensor& t : tensors_) t.set_requires_grad(false);
  }
  gradients_wanted(const gradients_wanted&) = delete;
  gradients_wanted& operator=(const gradients_wanted&) = delete;

 private:
  std::vector<at::Tensor> tensors_;
};

void blend_in(double& mean, double value, bool first) {
  if (std::isfinite(value)) mean += (first ? 1.0 : 0.02) * (value - mean);
}

double learning_rate_at(double elapsed, std::int64_t step, double peak) {
  constexpr double warm_up_steps = 200;
  constexpr double half_turn = 3.141592653589793;
  const double warm = std::min(1.0, static_cast<double>(step + 1) / warm_up_steps);
  return peak * warm * 0.5 * (1 + std::cos(half_turn * std::clamp(elapsed, 0.0, 1.0)));
}

}  // namespace

result<void> pretrain(model::multimodal& m, const model::tokenizer& words, const example_draw& draw,
                      const pretrain_options& options, const std::function<double(std::int64_t step)>& elapsed,
                      const std::function<void(const pretrain_progress&)>& report) {
  std::vector<at::Tensor> tensors;
  for (const auto& item : m.weights().all()) tensors.push_back(item.second);
  const gradients_wanted wanted(tensors);
  adamw_options optimiser_options;
  optimiser_options.beta2 = 0.98;
  optimiser_options.weight_decay = options.weight_decay;
  optimiser_options.clip = 1;
  adamw optimiser(tensors, optimiser_options);
  rng random = rng(options.seed).split("pretrain");
  const std::int64_t cells = m.config().vision->cells();
  pretrain_progress progress;
  int skipped = 0;
  double used = elapsed(0);
  while (used < 1) {
    std::vector<scenes::example> examples;
    int unasked = 0;
    while (static_cast<std::int64_t>(examples.size()) < options.batch_pictures) {
      FRESHET_TRY_ASSIGN(scenes::example e, draw(random));
      random.shuffle(e.questions);
      if (e.questions.size() > options.questions_per_picture) e.questions.resize(options.questions_per_picture);
      if (!e.questions.empty()) {
        examples.push_back(std::move(e));
        unasked = 0;
      } else if (++unasked == most_unasked_draws) {
        return error{errc::invalid_argument, std::to_string(unasked) + " examples in a row had no question"};
      }
    }
    std::int64_t keep = cells;
    if (random.chance(options.dropped_batches)) {
      const double share = random.uniform(options.fewest_tokens, 1.0);
      keep = std::max<std::int64_t>(1, std::llround(share * static_cast<double>(cells)));
    }
    FRESHET_TRY_ASSIGN(model::visual_input visual, visual_of(m, examples, keep, random));
    std::vector<std::vector<qa_block>> blocks;
    for (const scenes::example& e : examples) {
      blocks.emplace_back();
      for (const scenes::qa& q : e.questions) {
        blocks.back().push_back({prompt_tokens(words, q.question), answer_tokens(words, q.answer)});
      }
    }
    const qa_batch batch = pack_batch(std::move(visual), blocks);
    const at::Tensor logits = m.logits(label_hidden(m, m.visual_tokens(batch.visual), batch));
    const at::Tensor loss = at::cross_entropy_loss(logits, batch.labels, {}, at::Reduction::Mean, -100, options.smoothing);
    torch::autograd::backward({loss}, {});
    progress.learning_rate = learning_rate_at(used, progress.step, options.learning_rate);
    const double norm = optimiser.step(progress.learning_rate);
    skipped = std::isfinite(norm) ? 0 : skipped + 1;
    if (skipped == most_skipped_steps) {
      return error{errc::internal, "the gradient was not finite in " + std::to_string(skipped) +
                                       " steps in a row; a lower learning rate may help"};
    }

    const double now_loss = loss.item<double>();
    // End tokens are easily right; only the words count.
    const at::Tensor is_word = batch.labels.ne(static_cast<std::int64_t>(*words.specials().eos)).to(at::kFloat);
    const at::Tensor right = logits.detach().argmax(-1).eq(batch.labels).to(at::kFloat);
    const double now_right = ((right * is_word).sum() / is_word.sum().clamp_min(1)).item<double>();
    blend_in(progress.loss, now_loss, progress.step == 0);
    blend_in(progress.accuracy, now_right, progress.step == 0);
    ++progress.step;
    progress.pictures += static_cast<std::int64_t>(examples.size());
    report(progress);
    used = elapsed(progress.step);
  }
  return {};
}

result<accuracy_report> measure_accuracy(const model::multimodal& m, const model::tokenizer& words,
                                         const std::vector<scenes::example>& examples, double keep,
                                         std::uint64_t seed) {
  const at::NoGradGuard no_grad;
  rng random = rng(seed).split("measure");
  const std::int64_t cells = m.config().vision->cells();
  const auto kept = std::max<std::int64_t>(1, std::llround(keep * static_cast<double>(cells)));
  accuracy_report report;
  std::int64_t right = 0;
  constexpr std::size_t batch_pictures = 32;
  constexpr std::size_t longest_answer = 64;
  for (std::size_t from = 0; from < examples.size(); from += batch_pictures) {
    const std::vector<scenes::example> part(examples.begin() + static_cast<std::ptrdiff_t>(from),
                                            examples.begin() + static_cast<std::ptrdiff_t>(
                                                                   std::min(examples.size(), from + batch_pictures)));
    FRESHET_TRY_ASSIGN(const model::visual_input visual, visual_of(m, part, kept, random));
    const at::Tensor tokens = m.visual_tokens(visual);
    // One row a question: the picture's tokens are repeated.
    std::vector<std::int64_t> rows;
    std::vector<std::vector<std::int32_t>> prompts;
    std::vector<std::vector<std::int32_t>> truth;
    std::size_t longest = 1;
    for (std::size_t i = 0; i < part.size(); ++i) {
      for (const scenes::qa& q : part[i].questions) {
        rows.push_back(static_cast<std::int64_t>(i));
        prompts.push_back(prompt_tokens(words, q.question));
        truth.push_back(answer_tokens(words, q.answer));
        longest = std::max(longest, truth.back().size());
      }
    }
    if (rows.empty()) continue;
    model::generation_options greedy;
    greedy.max_new_tokens = static_cast<std::int64_t>(std::min(longest, longest_answer));
    const at::Tensor of = at::tensor(rows, at::kLong);
    const at::Tensor cells_seen = visual.positions.defined() ? visual.positions.index_select(0, of) : at::Tensor();
    const model::generated out =
        model::generate(m, tokens.index_select(0, of), {}, prompts, greedy, nullptr, cells_seen);
    for (std::size_t i = 0; i < truth.size(); ++i) {
      if (out.tokens[i] == truth[i]) ++right;
    }
    report.answered += static_cast<std::int64_t>(truth.size());
  }
  if (report.answered > 0) report.accuracy = static_cast<double>(right) / static_cast<double>(report.answered);
  return report;
}

}  // namespace freshet::distill

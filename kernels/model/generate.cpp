#include "kernels/model/generate.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

namespace freshet::model {
namespace {

/// Draws one token from logits [V] (a contiguous f32 row).
std::int32_t sample(const float* row, std::int64_t words, const generation_options& options, rng& draw) {
  std::vector<std::pair<float, std::int32_t>> order(static_cast<std::size_t>(words));
  for (std::int64_t i = 0; i < words; ++i) {
    order[static_cast<std::size_t>(i)] = {row[i], static_cast<std::int32_t>(i)};
  }
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.first > b.first || (a.first == b.first && a.second < b.second);
  });
  double total = 0;
  std::vector<double> weights;
  for (const auto& o : order) {
    weights.push_back(std::exp((o.first - order.front().first) / options.temperature));
    total += weights.back();
  }
  double nucleus = 0;
  std::size_t kept = 0;
  while (kept < weights.size() && (kept == 0 || nucleus < options.top_p * total)) nucleus += weights[kept++];
  double at = draw.uniform() * nucleus;
  for (std::size_t i = 0; i < kept; ++i) {
    at -= weights[i];
    if (at < 0) return order[i].second;
  }
  return order[kept - 1].second;
}

}  // namespace

generated generate(const multimodal& model, const sequence& prompt, const generation_options& options, rng* draw) {
  FRESHET_ENSURE(options.temperature <= 0 || draw != nullptr, "generate: sampling needs a generator");
  const at::NoGradGuard no_grad;
  const std::int64_t n = prompt.embeds.size(0);
  const std::int64_t s = prompt.embeds.size(1);
  const decoder& text = model.text_decoder();
  at::Tensor key_valid = prompt.valid;
  const at::Tensor order = at::arange(s, at::kLong);

  kv_cache cache;
  at::Tensor attention;
  const at::Tensor hidden = text.hidden(prompt.embeds, prompt.positions, additive_mask(causal(key_valid)).unsqueeze(1), &cache,
                                        options.want_relevance ? &attention : nullptr);
  const at::Tensor last = key_valid.to(at::kLong).mul(order).argmax(1);  // index of each row's last prompt token
  at::Tensor state =
      hidden.gather(1, last.view({n, 1, 1}).expand({n, 1, hidden.size(2)}));  // [N, 1, D]

  generated out;
  out.tokens.resize(static_cast<std::size_t>(n));
  if (options.want_relevance) {
    const std::int64_t heads = attention.size(1);
    out.relevance =
        attention.gather(2, last.view({n, 1, 1, 1}).expand({n, heads, 1, attention.size(3)})).squeeze(2).mean(1);
  }
  const auto& ends = model.config().end_tokens();
  std::vector<bool> done(static_cast<std::size_t>(n), false);
  std::vector<at::Tensor> all_logits;
  std::vector<at::Tensor> all_hidden;
  for (std::int64_t step = 0; step < options.max_new_tokens; ++step) {
    at::Tensor logits = model.logits(state.squeeze(1)).contiguous();
    const at::Tensor greedy = options.temperature > 0 ? at::Tensor() : logits.argmax(-1);
    at::Tensor next = at::zeros({n, 1}, at::kLong);
    at::Tensor alive = at::zeros({n, 1});
    bool any_left = false;
    for (std::int64_t i = 0; i < n; ++i) {
      const auto row = static_cast<std::size_t>(i);
      if (done[row]) continue;
      alive[i] = 1.0;
      const std::int32_t token =
          options.temperature > 0
              ? sample(logits.data_ptr<float>() + i * logits.size(1), logits.size(1), options, *draw)
              : static_cast<std::int32_t>(greedy.data_ptr<std::int64_t>()[i]);
      out.tokens[row].push_back(token);
      next[i] = static_cast<std::int64_t>(token);
      if (std::find(ends.begin(), ends.end(), token) != ends.end()) done[row] = true;
      any_left = any_left || !done[row];
    }
    all_logits.push_back(logits * alive);
    all_hidden.push_back(state.squeeze(1) * alive);
    if (!any_left || step + 1 == options.max_new_tokens) break;
    key_valid = at::cat({key_valid, at::ones({n, 1}, at::kBool)}, 1);
    state = text.hidden(text.embed(next), prompt.next + step, additive_mask(key_valid).unsqueeze(1).unsqueeze(1), &cache);
  }
  out.logits = at::stack(all_logits, 1);
  out.hidden = at::stack(all_hidden, 1);
  return out;
}

generated generate(const multimodal& model, const at::Tensor& visual, const at::Tensor& valid,
                   const std::vector<std::vector<std::int32_t>>& prompts, const generation_options& options, rng* draw,
                   const at::Tensor& cells) {
  const at::NoGradGuard no_grad;
  const std::int64_t n = visual.size(0);
  FRESHET_ENSURE(static_cast<std::int64_t>(prompts.size()) == n, "generate: one prompt a row");
  // Prompts are padded on the right; padded keys are masked, positions count real tokens only.
  std::int64_t longest = 1;
  for (const auto& p : prompts) longest = std::max(longest, static_cast<std::int64_t>(p.size()));
  at::Tensor ids = at::zeros({n, longest}, at::kLong);
  at::Tensor lengths = at::zeros({n, 1}, at::kLong);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto& p = prompts[static_cast<std::size_t>(i)];
    FRESHET_ENSURE(!p.empty(), "generate: an empty prompt");
    lengths[i][0] = static_cast<std::int64_t>(p.size());
    for (std::size_t j = 0; j < p.size(); ++j) ids[i][static_cast<std::int64_t>(j)] = p[j];
  }
  const sequence before = model.before_text(visual, valid, cells);
  const at::Tensor steps = at::arange(longest, at::kLong).unsqueeze(0).expand({n, longest});
  sequence whole;
  whole.embeds = at::cat({before.embeds, model.text_decoder().embed(ids)}, 1);
  whole.positions = join_positions(before.positions, steps + before.next);
  whole.valid = at::cat({before.valid, steps.lt(lengths)}, 1);
  whole.next = before.next + lengths;
  generated out = generate(model, whole, options, draw);
  if (out.relevance.defined()) {
    const std::int64_t k = visual.size(1);
    out.relevance = out.relevance.narrow(1, before.embeds.size(1) - k, k).contiguous();
  }
  return out;
}

}  // namespace freshet::model

// Labelled samples that tell each other apart by a number, for tests of what keeps them.
#pragma once

#include "kernels/base/rng.hpp"
#include "kernels/distill/replay.hpp"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace freshet::test {

inline distill::sample_handle sample_numbered(std::uint64_t number, bool with_features) {
  rng draw = rng(17).split(number);
  auto s = std::make_shared<distill::labelled_sample>();
  std::vector<std::uint8_t> patches(2 * 48);
  for (auto& x : patches) x = static_cast<std::uint8_t>(draw.next());
  s->patches = host_tensor::of(std::move(patches), {2, 48});
  s->positions = {static_cast<std::int64_t>(draw.below(8)), static_cast<std::int64_t>(8 + draw.below(8))};
  s->prompt = {1, static_cast<std::int32_t>(draw.below(200))};
  s->answer = {static_cast<std::int32_t>(draw.below(200)), 2};
  s->weight = static_cast<float>(draw.uniform());
  if (!with_features) return s;
  s->topk_ids = {1, 2, 3, 4};
  s->topk_log_probs = {-0.1F, -2, -0.2F, -3};
  s->rest_mass = {0.01F, static_cast<float>(draw.uniform())};
  s->teacher_visual = host_tensor::of(std::vector<float>{1, 2, 3, static_cast<float>(draw.normal())}, {2, 2});
  s->teacher_hidden = host_tensor::of(std::vector<float>{4, 5, 6, static_cast<float>(draw.normal())}, {2, 2});
  return s;
}

inline bool same_sample(const distill::labelled_sample& a, const distill::labelled_sample& b) {
  return a.patches == b.patches && a.positions == b.positions && a.prompt == b.prompt && a.answer == b.answer &&
         a.topk_ids == b.topk_ids && a.topk_log_probs == b.topk_log_probs && a.rest_mass == b.rest_mass &&
         a.teacher_visual == b.teacher_visual && a.teacher_hidden == b.teacher_hidden && a.weight == b.weight;
}

}  // namespace freshet::test

// Samples that differ in all that a loss is normalised over: kept tokens, lengths, weights, logits, features.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "tests/kernels/distill/support.hpp"

namespace freshet::distill {

constexpr std::int64_t varied_teacher_width = 6;

inline host_tensor normal_rows(rng& draw, std::size_t rows) {
  std::vector<float> values(rows * static_cast<std::size_t>(varied_teacher_width));
  for (float& x : values) x = static_cast<float>(draw.normal());
  return host_tensor::of(std::move(values), {static_cast<std::int64_t>(rows), varied_teacher_width});
}

/// The i-th: every third without logits, some with fewer of them; every second without visual features of the teacher,
/// every fourth without hidden ones. None of these is one whose gradient moves by 2e-5 when a weight moves by its last
/// bit; other seeds have such.
inline std::shared_ptr<labelled_sample> varied_sample(std::uint64_t i, std::uint64_t seed = 4) {
  rng draw = rng(seed).split(i);
  auto s = std::make_shared<labelled_sample>();
  const auto cells = static_cast<std::size_t>(3 + draw.below(13));
  std::vector<std::uint8_t> bytes(cells * tiny_patch_bytes);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(draw.below(256));
  s->patches = host_tensor::of(std::move(bytes), {static_cast<std::int64_t>(cells), tiny_patch_bytes});
  s->positions = some_cells(draw, cells);
  const std::uint64_t asked = 1 + draw.below(6);
  for (std::uint64_t j = 0; j < asked; ++j) s->prompt.push_back(static_cast<std::int32_t>(4 + draw.below(12)));
  const auto answers = static_cast<std::size_t>(1 + draw.below(5));
  for (std::size_t j = 0; j < answers; ++j) s->answer.push_back(static_cast<std::int32_t>(20 + draw.below(10)));
  if (i % 3 != 0) {
    const std::size_t k = i % 5 == 1 ? 2 : 3;
    for (std::size_t j = 0; j < answers * k; ++j) {
      s->topk_ids.push_back(static_cast<std::int32_t>(20 + j % k));
      s->topk_log_probs.push_back(static_cast<float>(std::log(draw.uniform(0.05, 0.3))));
    }
    s->rest_mass.assign(answers, 0.3F);
  }
  if (i % 2 != 0) s->teacher_visual = normal_rows(draw, cells);
  if (i % 4 != 0) s->teacher_hidden = normal_rows(draw, answers);
  s->weight = static_cast<float>(draw.uniform(0.2, 1));
  return s;
}

inline std::vector<sample_handle> varied_samples(std::uint64_t count, std::uint64_t first = 0) {
  std::vector<sample_handle> out;
  for (std::uint64_t i = first; i < first + count; ++i) out.push_back(varied_sample(i));
  return out;
}

}  // namespace freshet::distill

#include "kernels/distill/sample_batch.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>

#include "kernels/model/patches.hpp"

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

}  // namespace

qa_batch pack_samples(const std::vector<sample_handle>& samples, const model::model_config& student) {
  std::vector<std::vector<qa_block>> blocks;
  for (const auto& s : samples) blocks.push_back({{s->prompt, s->answer}});
  return pack_batch(student.vision ? visual_of(samples, student.vision->pixels) : model::visual_input{}, blocks);
}

padded_rows pad_rows(const std::vector<host_tensor>& parts) {
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

}  // namespace freshet::distill

#include "kernels/distill/sample_batch.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>

#include "kernels/model/patches.hpp"

namespace freshet::distill {
namespace {

/// Rows of [longest, width] for each sample, blank to begin with.
at::Tensor blank_rows(std::size_t samples, std::int64_t longest, std::int64_t width, at::ScalarType type) {
  return at::zeros({static_cast<std::int64_t>(samples), longest, width}, type);
}

at::Tensor patches_of(const std::vector<sample_handle>& samples, std::int64_t longest, const model::vision_config& v) {
  const std::int64_t width = v.cell_values();
  at::Tensor bytes = blank_rows(samples.size(), longest, width, at::kByte);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const host_tensor& from = samples[i]->patches;
    if (from.empty()) continue;   // came as features
    std::memcpy(bytes.data_ptr<std::uint8_t>() + static_cast<std::int64_t>(i) * longest * width, from.data(), from.bytes());
  }
  return model::normalise_patches(bytes, v.pixels);
}

at::Tensor features_of(const std::vector<sample_handle>& samples, std::int64_t longest, const model::vision_config& v) {
  const std::int64_t width = v.cell_features();
  at::Tensor levels = blank_rows(samples.size(), longest, width, at::kChar);
  at::Tensor scales = blank_rows(samples.size(), longest, 1, at::kFloat);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const labelled_sample& s = *samples[i];
    if (s.features.empty()) continue;
    const auto row = static_cast<std::int64_t>(i) * longest;
    std::memcpy(levels.data_ptr<std::int8_t>() + row * width, s.features.data(), s.features.bytes());
    std::copy(s.feature_scales.begin(), s.feature_scales.end(), scales.data_ptr<float>() + row);
  }
  return levels.to(at::kFloat) * scales;
}

}  // namespace

qa_batch pack_samples(const std::vector<sample_handle>& samples, const model::model_config& student) {
  std::vector<std::vector<qa_block>> blocks;
  for (const auto& s : samples) blocks.push_back({{s->prompt, s->answer}});
  if (!student.vision) return pack_batch({}, blocks);
  std::vector<std::int64_t> by_pixels;
  std::vector<std::vector<std::int64_t>> positions;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (samples[i]->features.empty()) by_pixels.push_back(static_cast<std::int64_t>(i));
    positions.push_back(samples[i]->positions);
  }
  model::visual_input places = model::places_of(positions);
  const std::int64_t longest = places.positions.size(1);
  if (!by_pixels.empty()) places.patches = patches_of(samples, longest, *student.vision);
  qa_batch out = pack_batch(std::move(places), blocks);
  if (by_pixels.size() == samples.size()) return out;
  out.features = features_of(samples, longest, *student.vision);
  out.pixel_rows = at::tensor(by_pixels, at::kLong);
  return out;
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

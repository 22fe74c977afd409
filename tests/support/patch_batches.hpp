// UTS batches of random patches for tests of what reads them with a model: pictures of 16 patches of
// 48 bytes, as tiny_student sees them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/rng.hpp"
#include "kernels/model/tokenizer.hpp"
#include "kernels/uncertainty/token_codec.hpp"
#include "topology/message/samples.hpp"

namespace freshet::test {

inline constexpr std::uint32_t patches_a_picture = 16;
inline constexpr std::uint32_t bytes_a_patch = 48;

using kept_lists = std::vector<std::vector<std::uint32_t>>;

struct patch_batch {
  topology::uts_batch batch;
  std::vector<std::vector<std::uint8_t>> patches;   ///< [sample] its kept tokens, row by row
  kept_lists kept;
};

/// One sample a list of kept cells. `shades` = how many different byte values there are: few compress.
inline patch_batch patches_of(kept_lists kept, std::uint64_t seed, std::uint64_t shades = 256) {
  static const std::vector<std::string> questions{"what color is it", "what shape is the red", "is it round", "is it"};
  rng draw(seed);
  patch_batch out;
  out.kept = std::move(kept);
  auto& b = out.batch;
  b.device = device_id{3};
  b.tokens_per_sample = patches_a_picture;
  b.token_bytes = bytes_a_patch;
  std::vector<std::uint8_t> all;
  for (std::size_t i = 0; i < out.kept.size(); ++i) {
    topology::uts_sample s;
    s.position = sequence{seed * 1000 + i};
    s.question = questions[i % questions.size()];
    s.device_answer = "blue";
    s.kept.assign(2, 0);
    for (const std::uint32_t l : out.kept[i]) s.kept[l / 8] = static_cast<std::uint8_t>(s.kept[l / 8] | (1U << (l % 8)));
    s.kept_count = static_cast<std::uint32_t>(out.kept[i].size());
    std::vector<std::uint8_t> own(s.kept_count * bytes_a_patch);
    for (auto& x : own) x = static_cast<std::uint8_t>(draw.below(shades));
    all.insert(all.end(), own.begin(), own.end());
    out.patches.push_back(std::move(own));
    b.samples.push_back(std::move(s));
  }
  auto packed = uncertainty::pack_patches(all.data(), all.size() / bytes_a_patch, bytes_a_patch);
  b.zstd = packed.zstd;
  b.payload = host_tensor::of(std::move(packed.payload));
  return out;
}

/// What a teacher of the same words says: one answer for every sample.
inline topology::labelled_batch labelled(const patch_batch& from, std::uint64_t lease, const std::string& answer,
                                         const model::tokenizer& words, float confidence = 0.9F) {
  topology::labelled_batch out;
  out.lease = lease;
  out.batch = from.batch;
  for (std::size_t i = 0; i < from.batch.samples.size(); ++i) {
    topology::teacher_label label;
    label.answer = answer;
    label.confidence = confidence;
    label.answer_tokens = words.encode(answer);
    label.answer_tokens.push_back(*words.specials().eos);
    out.labels.push_back(std::move(label));
  }
  return out;
}

}  // namespace freshet::test

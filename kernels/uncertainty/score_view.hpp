// What a score may read: one answered sample, and the knowledge that goes with it. Views own
// nothing; whoever calls a score keeps the memory alive for the call.
// Thread contract: plain values; a score is a pure function of view, context and generator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/base/result.hpp"
#include "kernels/uncertainty/gaussian.hpp"

namespace freshet::uncertainty {

/// One sample: A generated positions over V words, L visual tokens of width D, P bytes a patch.
struct sample_view {
  const float* logits = nullptr;     ///< [A, V] raw logits of the generated positions
  std::size_t positions = 0;         ///< A, valid ones only
  std::size_t vocabulary = 0;        ///< V
  const float* features = nullptr;   ///< [L, D] visual tokens that the decoder reads
  std::size_t tokens = 0;            ///< L
  std::size_t width = 0;             ///< D
  const float* relevance = nullptr;  ///< [L] attention of the answer on each token
  const std::uint8_t* patches = nullptr;  ///< [L, P] pixels
  std::size_t patch_bytes = 0;       ///< P
};

/// Parts of a view or context that a score needs; combined with |.
enum score_needs : std::uint8_t {
  needs_nothing = 0,
  needs_logits = 1,
  needs_features = 2,
  needs_relevance = 4,
  needs_patches = 8,
  needs_source = 16,      ///< the source Gaussian (of pooled features for samples, of tokens for tokens)
  needs_background = 32,  ///< the background Gaussian
};

/// Settings and fitted knowledge of the scores. Defaults are the sources' own.
struct score_context {
  gaussian source;            ///< [D] of pooled features on source data; for sample scores
  gaussian background;        ///< [D] the same on whatever comes; for relative_mahalanobis
  gaussian token_source;      ///< [D] of single tokens on source data; for token scores
  gaussian token_background;  ///< [D]
  bool unit_features = false;     ///< scale features to unit mean square before a Gaussian reads them
  float confidence_temperature = 0.1f;  ///< arXiv 2312.16279
  float gen_gamma = 0.1f;         ///< GEN, CVPR 2023
  std::size_t gen_top = 100;      ///< M of GEN
  std::size_t dropout_draws = 10; ///< arXiv 2312.16279
  double dropout_share = 0.5;     ///< probability that a value is dropped; in (0, 1)
  std::size_t grid_width = 0;     ///< columns of the token grid; 0: the grid is square
};

/// Says what `needs` asks for and view or context do not have; ok when all is there and shapes fit.
/// `name` is the score's, for the message; `of_tokens` chooses which Gaussians are meant.
result<void> check_needs(std::string_view name, unsigned needs, const sample_view& view, const score_context& context,
                         bool of_tokens);

}  // namespace freshet::uncertainty

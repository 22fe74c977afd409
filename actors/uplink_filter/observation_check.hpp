// What an observation must be before its tensors are read. It comes from another role, maybe of
// another process: shapes are checked against each other once, samples one by one.
// Pure functions.
#pragma once

#include <cstddef>

#include "kernels/base/result.hpp"
#include "kernels/uncertainty/score_view.hpp"
#include "topology/message/samples.hpp"

namespace freshet::actors {

struct observation_limits {
  std::size_t samples = 4096;
  std::size_t tokens = 65536;
  std::size_t patch_bytes = std::size_t{1} << 20;
  std::size_t encoded_width = std::size_t{1} << 20;  ///< a feature is one byte of a token
  std::size_t text_bytes = 4096;  ///< each question and answer, as the intake takes them
};

/// Dimensions of a checked batch; zero where a tensor is absent. Text alone has no tokens.
struct observation_shape {
  std::size_t samples = 0;      ///< n
  std::size_t tokens = 0;       ///< L
  std::size_t patch_bytes = 0;  ///< P
  std::size_t width = 0;        ///< D
  std::size_t encoded_width = 0;  ///< F
  std::size_t positions = 0;    ///< A, padded
  std::size_t vocabulary = 0;   ///< V
  bool relevance = false;
};

/// Counts, dtypes and shapes of all fields fit together. A batch of no samples needs no tensors; one of text alone has
/// no patches, and then no features of any kind and no relevance either.
result<observation_shape> check_observation(const topology::observation_batch& batch, const observation_limits& limits);

/// Texts within limits, answer length in [1, A] when there are logits, features finite.
result<void> check_sample(const topology::observation_batch& batch, const observation_shape& shape, std::size_t index,
                          const observation_limits& limits);

/// Sample `index` as scores see it. The batch must outlive the view.
uncertainty::sample_view view_of(const topology::observation_batch& batch, const observation_shape& shape,
                                 std::size_t index);

}  // namespace freshet::actors

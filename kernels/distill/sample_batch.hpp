// Labelled samples as the tensors that the student reads: one question a picture, or alone where the student reads text
// only, rows padded to the longest among these samples. Padding changes nothing but the shapes.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "kernels/distill/qa_batch.hpp"
#include "kernels/distill/replay.hpp"
#include "kernels/model/model_config.hpp"

namespace freshet::distill {

/// Samples that fit the student (check_sample), at least one. Its answer positions M are in the order of the samples.
[[nodiscard]] qa_batch pack_samples(const std::vector<sample_handle>& samples, const model::model_config& student);

struct padded_rows {
  at::Tensor values;  ///< f32 [N, longest, D]
  at::Tensor valid;   ///< bool [N, longest]
};
/// parts[n] f32 [n_i, D], at least one.
[[nodiscard]] padded_rows pad_rows(const std::vector<host_tensor>& parts);

}  // namespace freshet::distill

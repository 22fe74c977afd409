// From what the teacher sent to what the learner reads: one labelled_sample a UTS sample.
// Pure function; sample payloads are copied out of the batch.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "kernels/base/result.hpp"
#include "kernels/distill/replay.hpp"
#include "kernels/model/model_config.hpp"
#include "kernels/model/tokenizer.hpp"
#include "topology/message/samples.hpp"

namespace freshet::actors {

struct labelling_options {
  /// Labels of which the teacher is less sure are left out; above, they count by their confidence.
  double confidence_floor = 0.5;
  /// Teacher and student share token ids, so its logits can be distilled.
  bool shared_vocabulary = true;
  /// Of the student's vision tower where that is frozen: pictures may come as its features. 0: as pixels only.
  content_hash encoder = {};
};

struct labelled_samples {
  std::vector<distill::sample_handle> samples;
  std::size_t unsure = 0;    ///< left out for low confidence
  double confidence_sum = 0;
};

/// Checks every size in the batch before it reads: what comes from another process is not trusted. `vision`: of the
/// student; none where it reads text only, and then a batch has no tokens.
result<labelled_samples> read_labels(const topology::labelled_batch& batch,
                                     const std::optional<model::vision_config>& vision, const model::tokenizer& words,
                                     const labelling_options& options);

}  // namespace freshet::actors

// Whether a labelled sample fits the student that is to learn from it. Samples come from other
// machines: a wrong one must be refused before its sizes are believed.
// Thread contract: pure function.
#pragma once

#include <cstdint>

#include "kernels/base/result.hpp"
#include "kernels/distill/replay.hpp"
#include "kernels/model/model_config.hpp"

namespace freshet::distill {

/// The error (errc::shape_mismatch or invalid_argument) names the field and what would be right.
/// `teacher_width` = Dt of teacher features; 0 = they are not read, so not checked.
result<void> check_sample(const labelled_sample& sample, const model::model_config& student,
                          std::int64_t teacher_width);

}  // namespace freshet::distill

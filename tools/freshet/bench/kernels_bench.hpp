// The measurements of `freshet bench kernels`: what the kernels do a second, each against a plain
// loop over the same data in the same run.
// Thread contract: one thread, the only one that computes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/base/result.hpp"
#include "tools/freshet/bench/side_by_side.hpp"

namespace freshet::cli {

using progress_text = std::function<void(const std::string&)>;

/// Scores (kernels/uncertainty) in GB/s of what they read, against a sum over the same memory.
[[nodiscard]] std::vector<comparison> bench_scores(const progress_text& progress);

/// Update codecs (kernels/delta) in MB/s of f32 values against memcpy, and Rice codes against entropy.
[[nodiscard]] result<std::vector<comparison>> bench_delta(const progress_text& progress);

/// The distiller's own cycle (labels in, steps, update applied) in samples/s against a bare LibTorch
/// loop over a batch of the same shapes. `student`: a model folder.
[[nodiscard]] result<std::vector<comparison>> bench_distillation(const std::string& student,
                                                                 const progress_text& progress);

}  // namespace freshet::cli

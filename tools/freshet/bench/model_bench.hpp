// The measurements of `freshet bench model`: matrices in 8 and 4 bits at the shapes of real decoders, with random
// weights, beside a plain read of as many bytes and beside LibTorch in fp32.
// Thread contract: one thread, the only one that computes; it sets LibTorch's number of threads.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/base/result.hpp"
#include "kernels/model/model_config.hpp"
#include "tools/freshet/bench/side_by_side.hpp"

namespace freshet::cli {

struct decoder_shape {
  std::string name;
  model::text_config text;
  std::int64_t measured_layers = 0;  ///< of products, as many as lie far beyond the caches
};

/// Qwen2-0.5B and Llama-7B.
[[nodiscard]] std::vector<decoder_shape> bench_shapes();

/// One row through all matrices of the layers, in GB/s of levels and scales, against a sum over the levels.
[[nodiscard]] std::vector<comparison> bench_vectors(const decoder_shape& shape, int bits, int threads,
                                                    const std::function<void(const std::string&)>& progress);

/// `rows` rows through the matrices of one layer, in tokens/s, against at::linear in fp32.
[[nodiscard]] comparison bench_prefill(const decoder_shape& shape, int bits, std::int64_t rows, int threads);

/// The whole decoder, one token after another behind a prompt, in tokens/s, against the same in fp32.
[[nodiscard]] std::vector<comparison> bench_decode(const decoder_shape& shape, int threads,
                                                   const std::function<void(const std::string&)>& progress);

/// Peak memory of a process that loads the quantised decoder from a file and decodes, against its weights and
/// key-value cache. To be called before this process has threads: it forks.
[[nodiscard]] result<std::vector<comparison>> bench_memory(const decoder_shape& shape, int bits);

}  // namespace freshet::cli

// `freshet models quantize`: a model folder in float to one in 8 or 4 bits, calibrated on pictures and questions,
// and what the bits cost in accuracy.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/result.hpp"

namespace freshet::tools {

struct quantise_request {
  std::string model;                ///< a folder in Hugging Face's layout
  std::string out;
  int bits = 8;
  std::int64_t group = 0;           ///< columns that share a scale; 0 = 32 with 4 bits
  std::string method = "gptq";      ///< rtn, awq or gptq
  int head_bits = 8;                ///< of embedding and head; 0 = float
  bool float_vision = false;        ///< the vision tower stays as it is
  std::string data = "scenes";      ///< "scenes" or a data folder, for calibration and measurement
  std::vector<std::string> phases;  ///< the first calibrates; empty = the data's default
  int pictures = 128;               ///< of the calibration
  int measured = 0;                 ///< held-out pictures a phase on which both models answer; 0 = none
  std::uint64_t seed = 1;
  double severity = 0.7;
  bool quiet = false;
};

/// Writes `out`: tensors and config.json anew, tokenizer and all other files as they are in `model`. Progress goes to
/// standard error, sizes and accuracies to standard output.
result<void> run_quantise(const quantise_request& request);

}  // namespace freshet::tools

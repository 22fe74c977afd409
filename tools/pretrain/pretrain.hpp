// `freshet pretrain`: trains the teacher and the student of a pair and writes them as Hugging Face
// style directories. Builds from kernels/ and config/ alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/result.hpp"

namespace freshet::tools {

struct pretrain_request {
  std::string data;                 ///< "scenes" or a data folder
  std::string out;                  ///< teacher/ and student/ appear below it
  std::string role = "both";        ///< teacher, student or both
  std::vector<std::string> phases;  ///< empty = the data's default
  double minutes = 30;              ///< for each model
  std::int64_t steps = 0;           ///< instead of minutes, for a run that repeats exactly
  std::uint64_t seed = 1;
  double severity = 0.7;
  int side = 48;
  double learning_rate = 2e-3;
  double dropped_batches = 0.6;     ///< share of batches in which tokens are missing
  double fewest_tokens = 0.15;      ///< smallest share of tokens left in such a batch
  int rehearsal_pictures = 480;     ///< of the first phase, left beside the student for replay
  int threads = 0;                  ///< 0 = all cores
  bool quiet = false;
};

/// Trains; progress goes to standard error, the closing table to standard output.
result<void> run_pretrain(const pretrain_request& request);

}  // namespace freshet::tools

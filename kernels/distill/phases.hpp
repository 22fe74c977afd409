// Phases: the domains that a stream goes through, as draws for training and as fixed sets for
// measuring. The built-in world and data folders look alike behind this.
// Thread contract: const members may be called from several threads at once.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kernels/distill/pretrain.hpp"
#include "kernels/scenes/source.hpp"

namespace freshet::distill {

struct phase_options {
  int side = 48;
  double severity = 0.7;
  std::uint64_t seed = 1;
  bool augment = true;  ///< folders only; the world never repeats itself
};

struct phase {
  std::string name;
  example_draw draw;                                                 ///< from the train split
  std::function<result<std::vector<scenes::example>>(std::size_t)> held_out;  ///< up to n from the test split
  std::unique_ptr<scenes::sample_source> stream;                     ///< the test split, question by question
};

struct phase_set {
  std::vector<phase> phases;
  std::vector<std::string> vocabulary;  ///< every word of the train splits
};

/// `data` is "scenes" or a data folder. `names` orders the phases; empty takes all shifts of the
/// world, all domains of a folder, or a default list of shifts for a single-domain folder.
result<phase_set> open_phases(const std::string& data, const std::vector<std::string>& names,
                              const phase_options& options);

}  // namespace freshet::distill

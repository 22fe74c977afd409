// The commands that compute with tensors. LibTorch takes half a second to load, and whoever asks for figures should not wait
// for it: these are run by a program of their own, freshet-engine, which stands beside freshet and which freshet becomes.
#pragma once

namespace freshet::cli {

struct computing_command {
  const char* name;
  const char* about;
};

inline constexpr computing_command models_command{"models", "Look at model folders and prepare them"};
inline constexpr computing_command pretrain_command{"pretrain", "Train a teacher and a student from scratch"};
inline constexpr computing_command bench_command{"bench", "Measure: adaptation, kernels, models, links"};

/// The arguments of this process, which freshet-engine gets too. Before any command runs.
void set_engine_arguments(char** argv);
/// Goes on as freshet-engine. Returns only when that cannot be: the exit status, after telling why.
int become_engine();

}  // namespace freshet::cli

// The BLAS and OpenMP libraries of tensors make a team of threads for each thread that calls them, and teams that share cores
// wait for each other: steps took fifty times as long here. OpenBLAS, moreover, runs processors that are newer than itself
// with its oldest code, without AVX. Both read their settings from the environment when they are loaded.
#pragma once

namespace freshet::cli {

/// Sets what the user has not set. Whether anything was: then a process that has loaded those libraries must start again.
bool set_numeric_environment();

}  // namespace freshet::cli

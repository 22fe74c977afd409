// What every program of ours does with its command line once its commands are added.
#pragma once

#include "tools/freshet/commands/commands.hpp"

namespace freshet::cli {

/// Reads the arguments and runs what they leave in `chosen`. Its return value is the exit status (exit_codes.hpp); results
/// that could not be written are a failure.
int run_chosen(CLI::App& app, const action& chosen, int argc, char** argv);

}  // namespace freshet::cli

// The end of a node: in order, or else by force, but always within its bound.
#pragma once

#include "actors/rt/node.hpp"
#include "tools/freshet/exit_codes.hpp"

#include <chrono>

namespace spdlog {
class logger;
}

namespace freshet::cli {

/// Lets every role finish and flush, then the port; `verdict` when all ended within `deadline`. When a role hangs,
/// its thread cannot be taken away from it: this names it in the log and ends the process with exit_not_in_time
/// (or `verdict`, if that is a failure already) without running destructors, which would wait for it.
exit_code drain(rt::node& running, std::chrono::milliseconds deadline, spdlog::logger& log, exit_code verdict);

}  // namespace freshet::cli

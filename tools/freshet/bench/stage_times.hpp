// What each stage of the loop cost in a run, from what the roles' shells metered (role.hpp: spent_on).
// Thread contract: functions of their arguments.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/result.hpp"

namespace freshet::cli {

struct stage_time {
  std::string role;
  std::string stage;
  std::string per;            ///< what is counted: samples, steps, versions
  std::uint64_t things = 0;
  double seconds = 0;         ///< of all of them
  double longest = 0;         ///< seconds of the longest piece; a piece may be a batch of things
};

/// The stages that a bench knows, in the order in which a sample and its version pass them, with nothing in them.
std::vector<stage_time> stages_of_the_loop();

/// Adds the figures of one role (its stats_json). Errors: errc::corrupt for what is no such figures.
result<void> add_figures(std::vector<stage_time>& to, const std::string& role, const std::string& figures);

/// Adds times of another run, stage by stage; both as stages_of_the_loop() orders them.
void add_times(std::vector<stage_time>& to, const std::vector<stage_time>& more);

}  // namespace freshet::cli

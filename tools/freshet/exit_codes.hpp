// What `freshet` says by its exit status. Scripts rely on these: never renumber.
#pragma once

namespace freshet::cli {

enum exit_code : int {
  exit_ok = 0,             ///< done; a `run` was stopped in order
  exit_failed = 1,         ///< something went wrong while doing it
  exit_usage = 2,          ///< the command line makes no sense
  exit_bad_config = 3,     ///< the configuration has problems; nothing was started
  exit_unreachable = 4,    ///< no daemon answers
  exit_node_failed = 5,    ///< a node's process ended again and again at once; all were stopped
  exit_not_in_time = 6,    ///< a stop took too long and was enforced
  exit_refused = 7,        ///< a change was refused or reverted; all is as it was
};

inline constexpr const char* exit_code_help =
    "Exit status: 0 done or stopped in order, 1 failed, 2 wrong usage, 3 the configuration has problems, "
    "4 no daemon answers, 5 a node kept failing, 6 a stop had to be enforced, 7 a change was refused or "
    "reverted.";

}  // namespace freshet::cli

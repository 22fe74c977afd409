// What the process that we are costs: memory and processor time, as the system counts them.
// Thread contract: from any thread.
#pragma once

#include <cstdint>

namespace freshet::rt {

struct process_figures {
  std::uint64_t resident_bytes = 0;  ///< 0 where the system does not tell
  std::uint64_t peak_resident_bytes = 0;  ///< the most that it held
  std::uint64_t cpu_ms = 0;          ///< user and system, all threads, since the process began
};

[[nodiscard]] process_figures figures_of_this_process();

}  // namespace freshet::rt

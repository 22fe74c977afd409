// Named places around writes, syncs, renames and sends at which a test build can end the process
// as a power cut would. Compiled to nothing unless FRESHET_FAULTS is defined (CMake option of that name;
// the fault tests define it for the sources that they compile themselves).
//
//   FRESHET_FAULT=journal.commit.before:3   _exit at the third pass of that point
//   FRESHET_FAULT_TRACE=FILE                append the name of every point that is passed, one a line
//
// Thread contract: any thread.
#pragma once

#include <string_view>

namespace freshet {

/// The status with which a process ends at a fault point.
inline constexpr int fault_exit_status = 86;

/// Behind FRESHET_FAULT_POINT; reads the environment at the first call.
void pass_fault_point(std::string_view name);
/// The next pass reads the environment again: for a process that was forked and is told something else than its parent.
void forget_fault_plan();

}  // namespace freshet

#ifdef FRESHET_FAULTS
#define FRESHET_FAULT_POINT(name) ::freshet::pass_fault_point(name)
#else
#define FRESHET_FAULT_POINT(name) static_cast<void>(0)
#endif

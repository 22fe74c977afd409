// Broken invariants end the process with a message; they are our faults, never the world's.
#pragma once

#include <string_view>

namespace freshet {
[[noreturn]] void fail_check(std::string_view condition, std::string_view message, std::string_view file, int line);
}  // namespace freshet

#define FRESHET_ENSURE(condition, message)                                        \
  do {                                                                            \
    if (!(condition)) ::freshet::fail_check(#condition, (message), __FILE__, __LINE__); \
  } while (false)

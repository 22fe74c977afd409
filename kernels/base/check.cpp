#include "kernels/base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace freshet {

void fail_check(std::string_view condition, std::string_view message, std::string_view file, int line) {
  std::fprintf(stderr, "freshet: broken invariant at %.*s:%d: %.*s (%.*s)\n", static_cast<int>(file.size()), file.data(),
               line, static_cast<int>(message.size()), message.data(), static_cast<int>(condition.size()),
               condition.data());
  std::fflush(stderr);
  std::abort();
}

}  // namespace freshet

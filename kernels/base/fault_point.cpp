#include "kernels/base/fault_point.hpp"

#include "kernels/base/check.hpp"

#include <charconv>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace freshet {
namespace {

struct plan {
  std::string point;
  unsigned passes_left = 0;
  int trace = -1;
};

plan read_plan() {
  plan out;
  if (const char* wanted = std::getenv("FRESHET_FAULT"); wanted != nullptr && *wanted != '\0') {
    const std::string text = wanted;
    const std::size_t colon = text.rfind(':');
    const bool numbered = colon != std::string::npos;
    const char* end = text.data() + text.size();
    const auto read = numbered ? std::from_chars(text.data() + colon + 1, end, out.passes_left)
                               : std::from_chars_result{end, std::errc::invalid_argument};
    FRESHET_ENSURE(read.ec == std::errc() && read.ptr == end && out.passes_left > 0,
                   "FRESHET_FAULT is NAME:PASS with PASS from 1, not " + text);
    out.point = text.substr(0, colon);
  }
  if (const char* file = std::getenv("FRESHET_FAULT_TRACE"); file != nullptr && *file != '\0') {
    out.trace = ::open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    FRESHET_ENSURE(out.trace >= 0, std::string("FRESHET_FAULT_TRACE: cannot open ") + file);
  }
  return out;
}

struct what_is_known {
  std::mutex one_at_a_time;
  std::optional<plan> todo;   ///< none: the environment is to be read
};

/// Lives as long as the process: points may be passed while it ends.
what_is_known& known() {
  static auto* const all = new what_is_known;
  return *all;
}

}  // namespace

void forget_fault_plan() {
  const std::lock_guard<std::mutex> lock(known().one_at_a_time);
  known().todo.reset();
}

void pass_fault_point(std::string_view name) {
  const std::lock_guard<std::mutex> lock(known().one_at_a_time);
  if (!known().todo) known().todo = read_plan();
  plan& todo = *known().todo;
  if (todo.trace >= 0) {
    const std::string line = std::string(name) + "\n";
    FRESHET_ENSURE(::write(todo.trace, line.data(), line.size()) == static_cast<ssize_t>(line.size()),
                   "FRESHET_FAULT_TRACE: cannot write");
  }
  if (name == todo.point && --todo.passes_left == 0) ::_exit(fault_exit_status);
}

}  // namespace freshet

#include "actors/rt/process_figures.hpp"

#include <fstream>

#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

namespace freshet::rt {

namespace {
std::uint64_t milliseconds(const timeval& t) {
  return static_cast<std::uint64_t>(t.tv_sec) * 1000 + static_cast<std::uint64_t>(t.tv_usec) / 1000;
}
}  // namespace

process_figures figures_of_this_process() {
  process_figures figures;
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0) {
    figures.cpu_ms = milliseconds(used.ru_utime) + milliseconds(used.ru_stime);
    figures.peak_resident_bytes = static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
  }
  std::ifstream pages("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  if (pages >> all >> resident) figures.resident_bytes = resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return figures;
}

}  // namespace freshet::rt

#include "tools/freshet/service/drain.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

namespace freshet::cli {

exit_code drain(rt::node& running, std::chrono::milliseconds deadline, spdlog::logger& log, exit_code verdict) {
  const rt::stop_report report = running.stop(deadline);
  if (report.in_time) return verdict;
  for (const std::string& role : report.left)
    log.error("{}/{}: has not ended within {} ms; the process ends without it", running.name(), role, deadline.count());
  log.flush();
  ::_exit(verdict == exit_ok ? exit_not_in_time : verdict);
}

}  // namespace freshet::cli

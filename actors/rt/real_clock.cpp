#include "actors/rt/real_clock.hpp"

#include <chrono>

namespace freshet::rt {

time_point real_clock::now() const {
  return time_point(std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

}  // namespace freshet::rt

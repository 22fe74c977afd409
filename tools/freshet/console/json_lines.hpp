// What a feed says as JSON lines, for programs and for recordings, and back again:
//
//   {"at_ms":0,"type":"snapshot","number":2,"document":{…}}
//   {"at_ms":1004,"type":"delta","number":3,"patch":{…}}
//   {"at_ms":9120,"type":"lost","why":"…"}
//
// Thread contract: pure functions.
#pragma once

#include "kernels/base/result.hpp"
#include "tools/freshet/console/live_follower.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace freshet::cli {

struct timed_change {
  std::chrono::milliseconds at{};
  live_change change;
};

/// One line without its end.
std::string json_line(std::chrono::milliseconds at, const live_change& change);
result<timed_change> change_of(std::string_view line);

}  // namespace freshet::cli

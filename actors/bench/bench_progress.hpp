// What a paced run has produced so far: written by BENCH, read by whoever watches.
// Thread contract: hold `lock` to read or write anything else.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace freshet::actors {

struct bench_progress {
  std::mutex lock;
  std::uint64_t tick = 0;               ///< completed
  std::uint64_t version = 0;
  std::uint64_t trained = 0;
  std::uint64_t stragglers = 0;
  bool done = false;
  /// answers[device][position in its stream]
  std::map<std::uint32_t, std::vector<std::string>> answers;
  /// skipped[device]: positions of samples that it could not answer
  std::map<std::uint32_t, std::set<std::uint64_t>> skipped;
  std::vector<std::uint64_t> versions;  ///< [tick] version that was desired after it
};

}  // namespace freshet::actors

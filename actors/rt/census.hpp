// Who is alive: every actor of the engine enters its name when it is spawned and leaves when it
// has ended, so that a shutdown that does not come to an end can say because of whom.
// Thread contract: all members may be called from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace freshet::rt {

class census {
 public:
  /// Returns the ticket to leave with.
  std::uint64_t enter(std::string name);
  void leave(std::uint64_t ticket);
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::uint64_t next_ticket_ = 1;
  std::map<std::uint64_t, std::string> alive_;
};

}  // namespace freshet::rt

// How the node processes of a launcher are: what it did with them, and what they say of themselves. A state
// machine on times that it is told; it neither starts nor ends anything.
// Thread contract: owned by one thread; views are plain values.
#pragma once

#include "tools/freshet/service/notify_listener.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace freshet::cli {

/// A role that does not run as it should, as its node tells.
struct unwell_role {
  std::string role;
  std::string why;
};

/// What a node says beside a sign of life, as one line of a notification.
[[nodiscard]] std::string health_line(const std::vector<unwell_role>& unwell);
/// Nothing when the notification has no such line, or none that can be read.
[[nodiscard]] std::optional<std::vector<unwell_role>> health_in(const notification& heard);

enum class node_state : std::uint8_t {
  starting,  ///< its process has not said yet that its roles run
  running,
  late,     ///< its process has not answered for too long
  waiting,  ///< has ended, and is to start again
};

struct node_view {
  std::string name;
  node_state state = node_state::waiting;
  std::string why;    ///< it does not run; empty when it does
  pid_t process = 0;  ///< 0: none
  std::uint64_t starts = 0;
  std::vector<unwell_role> unwell;
};

struct node_watch_limits {
  std::chrono::milliseconds answer_within{5000};
  std::chrono::milliseconds hung_after{30'000};
  /// Models may be large: a process that has never spoken gets more time.
  std::chrono::milliseconds start_within{600'000};
};

class node_watch {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  node_watch(const std::vector<std::string>& nodes, node_watch_limits limits);

  /// The nodes that there should be from now on; what is known of those that stay is kept.
  void follow(const std::vector<std::string>& nodes);
  void started(const std::string& node, pid_t process, time_point now);
  void ended(const std::string& node, const std::string& why);
  /// From whom it is decides whose it is; from a stranger it is nothing.
  void heard(const notification& what, time_point now);

  [[nodiscard]] std::vector<node_view> view(time_point now) const;
  /// Every node has said in its present life that its roles run.
  [[nodiscard]] bool all_ready() const;
  /// No node is late. One that starts, or waits to be started again, is being seen to.
  [[nodiscard]] bool all_answer(time_point now) const;
  /// Nodes that have been silent for so long that only a new process helps.
  [[nodiscard]] std::vector<std::string> hung(time_point now) const;

 private:
  struct entry {
    std::string name;
    pid_t process = 0;
    bool ready = false;
    std::string why = "has not been started yet";
    std::uint64_t starts = 0;
    time_point started{};
    std::optional<time_point> answered;
    std::vector<unwell_role> unwell;
  };
  [[nodiscard]] bool late(const entry& n, time_point now) const;
  entry* find(const std::string& node);

  node_watch_limits limits_;
  std::vector<entry> nodes_;
};

}  // namespace freshet::cli

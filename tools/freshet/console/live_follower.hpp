// The console's end of a subscription to STATS, without a socket: messages and time in, messages and changes
// out. Loses nothing silently: a gap, a silence or an end makes it say so and begin anew.
// Thread contract: owned by one thread.
#pragma once

#include "kernels/base/clock.hpp"
#include "topology/message/any_message.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace freshet::cli {

struct live_change {
  enum class kind : std::uint8_t { snapshot, delta, lost };
  kind what = kind::lost;
  std::uint64_t number = 0;  ///< of the last delta in it
  nlohmann::json content;    ///< the whole document, or a merge patch on the one before
  std::string why;           ///< of a loss
};

class live_follower {
 public:
  static constexpr duration ask_again = std::chrono::seconds(1);
  /// Acknowledgements are gathered: each costs the daemon as much as a delta.
  static constexpr duration heartbeat = std::chrono::seconds(2);
  static constexpr std::uint64_t most_unsaid = 4;
  static constexpr duration silent_after = std::chrono::seconds(5);
  static constexpr duration after_a_refusal = std::chrono::seconds(2);

  /// `draw` gives numbers that no console before had.
  live_follower(std::uint32_t interval_ms, std::function<std::uint64_t()> draw);

  void receive(const topology::any_message& m, time_point now);
  void tick(time_point now);

  [[nodiscard]] std::vector<topology::any_message> take_outgoing();
  [[nodiscard]] std::vector<live_change> take_changes();
  /// Between a snapshot and the next loss.
  [[nodiscard]] bool attached() const { return attached_; }
  /// Good-bye to STATS, if there is anything to leave.
  void leave();

 private:
  void begin(time_point at);
  void lose(std::string why, time_point again);
  void take(const topology::stats_delta& d, time_point now);
  void acknowledge(time_point now);

  std::uint32_t interval_ms_;
  std::function<std::uint64_t()> draw_;
  std::uint64_t subscription_ = 0;  ///< 0 while there is none
  std::uint64_t number_ = 0;
  std::uint64_t acknowledged_ = 0;
  bool attached_ = false;
  time_point begin_at_{};
  time_point heard_{};
  time_point said_{};
  nlohmann::json gathered_;  ///< of a moment that is not complete
  std::vector<topology::any_message> outgoing_;
  std::vector<live_change> changes_;
};

}  // namespace freshet::cli

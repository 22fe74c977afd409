// What happened, as far as reports tell: read off from each report and the one before it, and kept for a
// while. Nothing is guessed: a counter that stands still makes no event.
// Thread contract: owned by one thread.
#pragma once

#include "actors/stats/heard_role.hpp"
#include "topology/message/address.hpp"

#include <cstdint>
#include <deque>
#include <string>

#include <nlohmann/json.hpp>

namespace freshet::actors {

enum class event_level : std::uint8_t { info, good, warn, bad };

class event_log {
 public:
  static constexpr std::size_t most_events = 200;

  void add(event_level level, const std::string& where, std::string text, duration uptime);
  /// `before` is null for the first report of a role.
  void compare(const topology::address& where, const std::string& kind, const heard_report* before,
               const heard_report& now, duration uptime);
  /// {"NUMBER": {"t_s", "level", "where", "text"}}: numbers rise, old ones go.
  [[nodiscard]] const nlohmann::json& document() const { return events_; }

 private:
  nlohmann::json events_ = nlohmann::json::object();
  std::deque<std::string> order_;
  std::uint64_t number_ = 0;
  std::string last_phase_;
};

}  // namespace freshet::actors

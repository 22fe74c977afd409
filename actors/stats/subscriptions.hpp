// Consoles that follow the live document: who is told what next, who lags, who is gone. Level-triggered:
// while a console has enough on the way, changes gather, and its next delta covers them all.
// Thread contract: owned by one thread.
#pragma once

#include "actors/role.hpp"
#include "topology/message/address.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace freshet::actors {

struct subscription_options {
  std::size_t most = 64;
  std::uint64_t window = 16;                         ///< deltas on the way without an acknowledgement
  duration lag_after = std::chrono::seconds(5);      ///< without progress, with something on the way
  duration forget_after = std::chrono::seconds(10);  ///< without a word
  duration interval = std::chrono::seconds(1);       ///< of a console that names none
  duration shortest_interval = std::chrono::milliseconds(200);
  duration longest_interval = std::chrono::seconds(60);
  std::size_t page_bytes = std::size_t{128} << 10;
};

class subscriptions {
 public:
  explicit subscriptions(subscription_options options) : options_(options) {}

  /// A console cut off or refused: for the event log.
  struct verdict {
    topology::address console;
    std::string text;
  };

  /// Refusals are answered here.
  void subscribe(const topology::address& from, const topology::stats_subscribe& m, time_point now, outbox& out);
  void taken(const topology::address& from, const topology::stats_taken& m, time_point now, outbox& out);
  void end(const topology::address& from, const topology::stats_end& m);

  /// Cuts off who lags, forgets who is gone. Returns who was cut off.
  std::vector<verdict> judge(time_point now, outbox& out);
  /// Whether someone is due, so that a document is needed at all.
  [[nodiscard]] bool due(time_point now) const;
  /// Sends what changed to all who are due.
  void send(const std::shared_ptr<const nlohmann::json>& document, time_point now, outbox& out);
  /// Everyone is told that STATS stops.
  void close(outbox& out);

  [[nodiscard]] std::size_t size() const { return all_.size(); }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t cut_off() const { return cut_off_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  struct subscription {
    std::uint64_t id = 0;
    duration interval{};
    time_point next{};
    time_point heard{};
    time_point progress{};  ///< last acknowledgement of something, or nothing was on the way
    std::uint64_t sent = 0;
    std::uint64_t taken = 0;
    std::shared_ptr<const nlohmann::json> base;  ///< what `sent` leaves at the console
  };
  void refuse(const topology::address& to, std::uint64_t id, errc code, const std::string& why, outbox& out);
  [[nodiscard]] bool ready(const subscription& s, time_point now) const {
    return now >= s.next && s.sent - s.taken < options_.window;
  }

  subscription_options options_;
  std::map<topology::address, subscription> all_;
  std::uint64_t sent_ = 0;
  std::uint64_t cut_off_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace freshet::actors

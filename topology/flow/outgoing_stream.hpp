// The sender's half of a link: a bounded queue of sequenced messages, numbered for one life of
// the receiver, sent as far as its credit goes, resent from the front until acknowledged.
// Owned by link_table; no time or I/O of its own.
#pragma once

#include "kernels/base/clock.hpp"
#include "kernels/base/ids.hpp"
#include "topology/message/shared_message.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

namespace freshet::topology {

class outgoing_stream {
 public:
  struct timing {
    duration resend_after;
    duration resend_cap;
    duration hello_every;
  };

  outgoing_stream(timing times, time_point now);

  void push(shared_message m);

  /// A parcel of this life arrived from the peer. When we number for another life, ask soon.
  void notice_life(epoch life);
  /// An ack meant for our life; `echo` is the challenge that it answers, 0 for none. False when
  /// it claims what cannot be (the future); stale ones are merely ignored.
  bool acknowledge(const link_ack& ack, std::uint64_t echo, time_point now);

  /// The number for a hello when one is due now.
  std::optional<std::uint64_t> challenge(time_point now);
  /// Calls `put(number, message)` for all that should go out now. Nothing is sent to a silent
  /// peer: its next word (hellos go on) starts the stream again.
  void emit(time_point now, bool peer_alive, const std::function<void(std::uint64_t, const shared_message&)>& put);

  [[nodiscard]] time_point hello_due() const { return hello_at_; }
  /// When emit() has something; empty while only the peer can change that.
  [[nodiscard]] std::optional<time_point> due(time_point now, bool peer_alive) const;

  [[nodiscard]] std::size_t held() const { return queue_.size(); }
  /// Of all that is held, in memory.
  [[nodiscard]] std::size_t held_bytes() const { return held_bytes_; }
  [[nodiscard]] std::size_t in_flight() const { return sent_; }
  /// At most so many go out with the next emit(), resent ones aside.
  [[nodiscard]] std::size_t sendable() const {
    return known() ? std::min<std::size_t>(queue_.size() - sent_, static_cast<std::size_t>(credit())) : 0;
  }
  [[nodiscard]] std::uint64_t credit() const;
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::uint64_t resends() const { return resends_; }
  [[nodiscard]] epoch peer_life() const { return peer_life_; }

 private:
  void renumber(epoch life, std::uint64_t received, std::uint64_t credit);
  [[nodiscard]] bool known() const { return peer_life_ != epoch{}; }
  [[nodiscard]] bool head_allowed() const { return base_ + 1 <= limit_; }
  [[nodiscard]] bool more_allowed() const { return sent_ < queue_.size() && base_ + sent_ + 1 <= limit_; }

  timing times_;

  // The numbering: queue_[i] has number base_ + 1 + i; the first sent_ of them are in flight.
  epoch peer_life_;
  struct waiting {
    shared_message what;
    std::size_t bytes;
  };
  std::deque<waiting> queue_;
  std::size_t held_bytes_ = 0;
  std::uint64_t base_ = 0;  ///< acknowledged in this numbering
  std::size_t sent_ = 0;
  std::uint64_t limit_ = 0;  ///< highest number that the peer has credit for

  // The timer of the front message.
  time_point resend_at_;
  time_point front_sent_at_;
  duration backoff_;
  std::uint64_t recover_until_ = 0;  ///< numbers up to here were in flight when the timer last fired

  // Challenges: last issued, and the first one whose echo may announce a new life.
  std::uint64_t last_challenge_ = 0;
  std::uint64_t first_fresh_ = 1;
  std::uint64_t base_at_challenge_ = 0;
  time_point hello_at_;
  time_point last_hello_at_;
  bool said_hello_ = false;

  std::uint64_t acknowledged_ = 0;
  std::uint64_t resends_ = 0;
};

}  // namespace freshet::topology

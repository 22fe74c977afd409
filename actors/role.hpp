// A role is two things: a core (this interface: plain C++, no CAF, socket, clock or thread) and
// one shell that makes any core an actor (actors/rt/role_actor). Cores take messages and time in
// and put effects into an outbox; the shell carries the effects out.
// Thread contract: a core is owned by its shell and called by one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/base/clock.hpp"
#include "kernels/base/result.hpp"
#include "topology/message/shared_message.hpp"

namespace freshet::actors {

enum class log_level : std::uint8_t { debug, info, warn, error };

/// Where a core puts what it wants done. Valid only during the call that received it.
class outbox {
 public:
  virtual ~outbox() = default;
  /// Sends by the message's own delivery class; the same message may go to many. Sequenced messages beyond
  /// the credit are kept in the link's bounded queue; see room().
  virtual void send(const topology::address& to, topology::shared_message m) = 0;
  /// How many more sequenced messages the link to `to` will take now. A core that ignores a zero
  /// breaks an invariant: it must wait or shed.
  [[nodiscard]] virtual std::size_t room(const topology::address& to) const = 0;
  /// Sequenced messages to `to` that wait or travel. At 0 the core behind the link was given all of them.
  [[nodiscard]] virtual std::size_t on_the_way(const topology::address& to) const = 0;
  /// Asks for tick() after `delay` at the latest.
  virtual void wake_after(duration delay) = 0;
  /// The time since this call began, or since the last such word in it, went into `stage` of the loop, for so many
  /// samples, steps or versions. The shell has the clock and keeps the figures; a core only says what it did.
  virtual void spent_on(std::string_view /*stage*/, std::uint64_t /*things*/) {}
  /// Likewise for time that passed between calls.
  virtual void passed_in(std::string_view /*stage*/, std::uint64_t /*things*/, duration /*took*/) {}
  virtual void log(log_level level, std::string text) = 0;
};

class role_core {
 public:
  virtual ~role_core() = default;
  /// Called once, before anything else.
  virtual void start(time_point now, outbox& out) = 0;
  /// A message addressed to this role. What it does not know it answers with an error_reply.
  virtual void handle(const topology::address& from, const topology::any_message& m, time_point now, outbox& out) = 0;
  /// Time passed (about every 100 ms, or as asked by wake_after).
  virtual void tick(time_point now, outbox& out) = 0;
  /// One bounded slice (≲ 50 ms) of heavy work; true while there is more. The shell calls it again
  /// after it has looked at the mailbox.
  virtual bool work(time_point now, outbox& out) = 0;
  /// Credit to grant to senders: how many more sequenced messages fit in this core's own queues.
  [[nodiscard]] virtual std::uint32_t capacity(const topology::address& from) const = 0;
  /// Own counters as a flat JSON object, for STATS.
  [[nodiscard]] virtual std::string stats_json() const = 0;
  /// Orderly stop: persist what must survive.
  virtual void stop(time_point now, outbox& out) = 0;
};

}  // namespace freshet::actors

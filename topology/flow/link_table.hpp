// All links of one role: a sans-I/O state machine that gives sequenced messages to each peer in
// order and once, over links that may lose, repeat and reorder, while both ends may restart.
// It reads no clock and sends nothing itself: parcels and time go in, parcels and a time to come
// back come out. Owned by the role's shell; one thread at a time.
//
// The dialogue (PROTOCOL.md has the whole of it):
//  - Every process life draws an epoch. A stream is a pair (sender's life, receiver's life), and
//    its numbers begin at 1. A restart of either end is a new pair, never a guess.
//  - The sender says hello with a challenge; the receiver answers with an ack that echoes it. A
//    new life of the receiver is believed only on the echo of a challenge issued after the last
//    such change, so a late parcel of a dead process can never bring its stream back.
//  - An ack names all that the core was given (cumulative) and how many more fit.
//  - Hellos repeat, so a lost credit update costs at most one hello period.
//
// Guarantee: in order and exactly once within a pair of lives; at least once across a restart of
// the receiver (what was not acknowledged is numbered anew from 1).
#pragma once

#include "kernels/base/clock.hpp"
#include "kernels/base/ids.hpp"
#include "topology/flow/incoming_stream.hpp"
#include "topology/flow/link_state.hpp"
#include "topology/flow/outgoing_stream.hpp"
#include "topology/wire/parcel.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace freshet::topology {

class link_table {
 public:
  struct options {
    std::size_t queue_limit = 2048;                          ///< unacknowledged + waiting sequenced messages of a link
    std::size_t queue_bytes = std::size_t{16} << 20;         ///< a link that holds as much has no room left
    duration resend_after = std::chrono::milliseconds{500};  ///< doubles without progress, up to resend_cap
    duration resend_cap = std::chrono::seconds{5};
    duration hello_every = std::chrono::seconds{1};
    duration peer_silent_after = std::chrono::seconds{5};  ///< then nothing is resent until it is heard again
    std::uint32_t initial_credit = 4;  ///< what a receiver takes from a new sender before the first grant()
    std::size_t peer_limit = 1024;  ///< beyond, the peer silent for longest makes room; when none is, the new one waits
  };

  link_table(address self, epoch life, options settings);
  link_table(address self, epoch life) : link_table(std::move(self), life, options{}) {}

  // --- outgoing -------------------------------------------------------------------------------
  /// How many more sequenced messages the link to `to` takes now. Asked before each: the bytes of one may use it all up.
  [[nodiscard]] std::size_t room(const address& to) const;
  /// Sequenced messages to `to` that are not acknowledged yet.
  [[nodiscard]] std::size_t held(const address& to) const;
  /// By the message's delivery class. A sequenced message beyond room() is a broken invariant.
  void send(const address& to, shared_message m, time_point now);

  // --- incoming -------------------------------------------------------------------------------
  /// Appends to `core` what it may be given now, in order, all of it from p.head.from. Handle it before the next
  /// take_outgoing(): that call acknowledges it. At most as many sequenced ones as the last grant() (or, before it, the
  /// initial credit) allows; the rest is left to the sender to resend.
  void receive(parcel p, time_point now, std::vector<shared_message>& core);
  /// The core's capacity for `from` now. Call it for every one of senders() whenever it may have
  /// changed: what receive() returned has used up as much of the former grant.
  void grant(const address& from, std::uint32_t capacity, time_point now);
  /// Peers that sent us sequenced messages or hellos: those to grant to.
  [[nodiscard]] std::vector<address> senders() const;

  // --- timers and output ----------------------------------------------------------------------
  /// Parcels to put on the wire now: link control, control messages, then bulk.
  std::vector<parcel> take_outgoing(time_point now);
  /// When take_outgoing() will have something to say, if nothing else happens; a time already
  /// past when it has something now.
  [[nodiscard]] std::optional<time_point> next_due() const;

  /// Drops a link with all that waits on it (the topology no longer has it).
  void forget(const address& peer);

  [[nodiscard]] std::vector<link_state> states() const;

 private:
  struct link {
    link(const options& settings, time_point now);
    outgoing_stream out;
    incoming_stream in;
    bool sends = false;     ///< has carried a sequenced message of ours: hellos keep it open
    bool announce = false;  ///< the peer addresses an older life of ours: tell it
    time_point heard;
    bool was_heard = false;
    std::uint64_t refused = 0;
  };

  [[nodiscard]] std::size_t room(const link& l) const;
  link* find(const address& peer);
  /// The link, made if need be; null when the table is full of live peers.
  link* open(const address& peer, time_point now);
  [[nodiscard]] bool can_open() const;
  [[nodiscard]] const address* least_needed(time_point now) const;
  [[nodiscard]] bool alive(const link& l, time_point now) const;
  [[nodiscard]] parcel wrap(const address& to, shared_message m) const;
  void seen(time_point now);

  address self_;
  epoch life_;
  options settings_;
  std::map<address, link> links_;
  std::vector<parcel> control_;
  std::vector<parcel> pulled_;
  time_point latest_{};
};

}  // namespace freshet::topology

// What a node sent and received, in messages and in bytes on the wire (frames with their ZMTP
// headers, so envelope and resends count; TCP/IP headers do not).
// traffic_meter is written by the port and read by anyone in the process.
// Thread contract: all members of traffic_meter may be called from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "topology/message/address.hpp"

namespace freshet::rt {

enum class direction : std::uint8_t { out = 0, in = 1 };

struct volume {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const volume& a, const volume& b) { return a.messages == b.messages && a.bytes == b.bytes; }
};

/// One directed pair of roles, as seen by this node.
struct edge_traffic {
  topology::address from;
  topology::address to;
  volume out;   ///< handed to the socket here
  volume in;    ///< received and understood here
};

struct peer_traffic {
  std::string node;
  volume out;
  volume in;
  std::uint64_t queued_messages = 0;   ///< waiting here for the socket, now
  std::uint64_t queued_bytes = 0;
  std::uint64_t dropped_control = 0;   ///< oldest first, when its queue was full
  std::uint64_t dropped_bulk = 0;      ///< newest first; the link sends them again
  std::uint64_t unreachable = 0;       ///< sends that found nobody at the other end
};

/// What went wrong with bytes from outside, and with messages that found no receiver.
struct port_faults {
  std::uint64_t malformed = 0;         ///< messages that did not decode
  std::uint64_t unknown_type = 0;      ///< answered with an error_reply
  std::uint64_t wrong_identity = 0;    ///< claimed to come from, or go to, another node, or spoke for another's device
  std::uint64_t refused_keys = 0;      ///< connections and messages under a key that is unknown or revoked
  std::uint64_t cut_off = 0;           ///< dropped unread while their sender was cut off
  std::uint64_t cut_offs = 0;          ///< times that a sender was cut off
  std::uint64_t no_such_role = 0;
  std::uint64_t mailbox_full = 0;
  std::uint64_t unroutable = 0;        ///< messages of ours to a node that we do not know
  std::uint64_t not_encodable = 0;
};

struct traffic_snapshot {
  std::string node;
  std::vector<peer_traffic> peers;
  std::vector<edge_traffic> edges;
  port_faults faults;

  /// Sum over edges whose sender and receiver match; an empty node or role matches any.
  [[nodiscard]] volume sum(direction way, const topology::address& from, const topology::address& to) const;
  /// One flat-ish JSON object: totals, "peers" and "edges" as arrays, faults by name, what the process costs.
  [[nodiscard]] std::string json() const;
};

class traffic_meter {
 public:
  explicit traffic_meter(std::string node) : node_(std::move(node)) {}

  void count(direction way, const std::string& peer, const topology::address& from, const topology::address& to,
             std::uint64_t bytes, std::uint64_t messages = 1);
  /// Changes a peer's entry (queue depths, drops) under the lock.
  template <class F>
  void update_peer(const std::string& peer, F change) {
    std::lock_guard lock(mutex_);
    change(peer_entry(peer));
  }
  template <class F>
  void update_faults(F change) {
    std::lock_guard lock(mutex_);
    change(faults_);
  }
  [[nodiscard]] traffic_snapshot snapshot() const;

 private:
  using edge_key = std::pair<topology::address, topology::address>;
  using edge_view = std::pair<const topology::address&, const topology::address&>;
  /// Looks up without copying names: every message does.
  struct by_names {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return std::tie(a.first.node, a.first.role, a.second.node, a.second.role) <
             std::tie(b.first.node, b.first.role, b.second.node, b.second.role);
    }
  };
  peer_traffic& peer_entry(const std::string& peer);
  edge_traffic& edge_entry(const topology::address& from, const topology::address& to);

  mutable std::mutex mutex_;
  std::string node_;
  std::map<std::string, peer_traffic> peers_;
  std::map<edge_key, edge_traffic, by_names> edges_;
  port_faults faults_;
};

}  // namespace freshet::rt

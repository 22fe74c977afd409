// The way in: judges what a socket received. Decoded, from whom it says it is and meant for this
// node, it goes to its role; all else is counted, and a sender that keeps it up is cut off.
// Thread contract: owned by the port's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spdlog/logger.h>

#include "actors/port/conduct.hpp"
#include "actors/port/sockets.hpp"
#include "actors/rt/traffic.hpp"
#include "actors/rt/transport.hpp"
#include "topology/wire/parcel.hpp"

namespace freshet::port {

/// Takes parcels into a role's mailbox, as many from the first on as that has room for; returns how many.
using receiver = std::function<std::size_t(std::vector<topology::parcel>, time_point arrived)>;

class inbound {
 public:
  struct setup {
    std::string node;
    epoch life;
    rt::port_limits limits;
    std::vector<std::string> expected_roles;   ///< a few early parcels wait for these
    std::shared_ptr<rt::traffic_meter> traffic;
    std::shared_ptr<spdlog::logger> log;
    std::shared_ptr<const rt::residents> known = nullptr;   ///< empty: whoever a node says
  };
  /// What a message asks of the port beyond its delivery.
  struct consequence {
    bool genuine = false;                      ///< its sender is who it says it is
    std::vector<topology::parcel> replies;     ///< to be sent back
  };

  explicit inbound(setup s);

  void register_role(const std::string& role, receiver to);
  void forget_role(const std::string& role) { roles_.erase(role); }
  /// `node` is who must have sent it, empty for nobody that we would hear; `sender` is what a cut-off
  /// goes by (a key, a routing id, a peer).
  consequence take(received message, const std::string& node, const std::string& sender, time_point now);
  /// Ends a round: what is not urgent goes to its roles now, all of one role together.
  void hand_over(time_point now);

 private:
  void take_bundle(const received& message, const std::string& node, const std::string& sender, time_point now,
                   consequence& so_far);
  void take_parcel(topology::frame_range frames, std::uint64_t bytes, const std::string& node,
                   const std::string& sender, time_point now, consequence& so_far);
  void malformed(const std::string& sender, const std::string& why, time_point now);
  void strike(const std::string& sender, time_point now);
  void not_its_own(const std::string& sender, time_point now);
  [[nodiscard]] bool identity_holds(const topology::envelope& head, const std::string& node) const;
  void not_understood(topology::frame_range frames, const error& why, const std::string& node,
                      const std::string& sender, time_point now, consequence& so_far);
  void deliver(topology::parcel p, time_point now);
  void count(const std::string& node, const topology::envelope& head, std::uint64_t bytes);
  void write_counts();

  setup setup_;
  conduct conduct_;
  struct early_parcel {
    topology::parcel what;
    time_point arrived;
  };
  struct registered {
    receiver to;
    std::vector<topology::parcel> round;   ///< since the last hand_over()
  };
  /// Of one edge, not yet in the meter: parcels of one edge come in long runs.
  struct run {
    std::string node;
    topology::address from, to;
    std::uint64_t bytes = 0;
    std::uint64_t messages = 0;
  };
  run uncounted_;
  void put(registered& role, std::vector<topology::parcel> parcels, time_point arrived);
  std::map<std::string, registered> roles_;
  std::map<std::string, std::deque<early_parcel>> early_;   ///< by expected role, until it registers
};

/// The node in a routing id "node#life"; empty when it has another form.
[[nodiscard]] std::string node_of_routing_id(const std::string& routing_id);
[[nodiscard]] std::string routing_id_of(const std::string& node, epoch life);

}  // namespace freshet::port

// The way out of a node: which socket reaches whom, and what waits in front of it. A node named in
// the configuration (and the node itself) has a dealer of its own; a node that connected to us is
// reached through the router and by the routing id under which it last spoke.
// Thread contract: owned by the port's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <spdlog/logger.h>
#include <zmq.hpp>

#include "actors/port/handshake_watch.hpp"
#include "actors/port/send_queue.hpp"
#include "actors/port/socket_context.hpp"
#include "actors/rt/traffic.hpp"
#include "actors/rt/transport.hpp"
#include "topology/wire/parcel.hpp"

namespace freshet::port {

class outbound {
 public:
  struct setup {
    std::string node;
    std::string routing_id;                    ///< of our dealers: node and life
    rt::port_limits limits;
    std::shared_ptr<socket_context> context;
    std::shared_ptr<rt::traffic_meter> traffic;
    std::shared_ptr<spdlog::logger> log;
    std::optional<rt::link_keys> own;          ///< for peers that are connected to with CURVE
  };

  explicit outbound(setup s) : setup_(std::move(s)) {}

  /// With a `server_key` the link is encrypted for it; without one tcp is for the loopback interface only.
  result<void> connect(const std::string& node, const std::string& endpoint, const std::string& server_key);
  /// What waits for it goes too: the links of whoever still speaks to it send again.
  void disconnect(const std::string& node) { configured_.erase(node); }

  /// How a node that connected to us was last heard.
  struct way_back {
    zmq::socket_t* router = nullptr;
    std::string routing_id;
    std::string key;                           ///< that it came in with; empty on plain links
  };
  /// `node` spoke; replies go back this way unless it has a dealer.
  void learn(const std::string& node, const way_back& way, time_point now);
  /// Takes back what was learned of nodes whose key may not come in any more.
  void forget_unless(const std::function<bool(const std::string& node, const std::string& key)>& allowed);

  /// Says a word to every configured peer, so that it knows the way back though no role here may ever
  /// speak first. For peers that are reached and have nothing waiting.
  void introduce(epoch life);

  /// Dials again, ever later, where the other end did not let us in.
  void redial_refused(time_point now);

  /// Encodes and queues; send_waiting() puts it on the wire.
  void submit(const topology::parcel& p);
  void send_waiting();
  /// Likewise for peers that we dial; one without room costs nothing.
  void send_to_configured();
  /// True while something waits that could still go: not for an inproc peer that is not there.
  [[nodiscard]] bool has_sendable() const;
  /// True while something waits for a peer behind the router: ZeroMQ tells of room only for all
  /// of its peers together, so these are looked at by time.
  [[nodiscard]] bool must_look_again() const { return !waiting_learned_.empty(); }
  /// Inproc peers that came, went or were replaced; true when one was joined.
  bool follow_inproc();

  struct dealer {
    std::string node;
    zmq::socket_t* socket;
    bool wants_room;
  };
  /// The dealers that are open now, for polling. Valid until the next call that connects.
  [[nodiscard]] std::vector<dealer> dealers();
  void close();

 private:
  struct configured_peer {
    std::string endpoint;
    std::string server_key;                  ///< empty: plain
    std::uint64_t generation = 0;            ///< of the inproc binding that the socket is joined to
    std::optional<zmq::socket_t> socket;     ///< empty while an inproc peer is not there
    std::unique_ptr<handshake_watch> watch;  ///< of an encrypted link
    unsigned refusals = 0;                   ///< in a row
    std::optional<time_point> dial_again;
    send_queue queue;

    explicit configured_peer(const rt::queue_limits& limits) : queue(limits) {}
  };
  struct learned_peer {
    way_back way;
    std::string superseded;   ///< the one before: its last words may be read after its successor's first
    time_point heard;
    send_queue queue;
  };

  result<void> open_socket(configured_peer& peer);
  void enqueue(const std::string& node, send_queue& queue, outgoing message);
  /// Bundles what is small and waits together. True when the queue is empty afterwards.
  bool drain(const std::string& node, send_queue& queue, zmq::socket_t& socket, const std::string* routing_id);
  /// `shares` of bytes of the messages at the front.
  void count(const std::string& node, const send_queue& queue, const std::vector<std::uint64_t>& shares);
  void show_depth(const std::string& node, const send_queue& queue);
  void make_room_for_learned();

  setup setup_;
  std::map<std::string, configured_peer> configured_;
  std::map<std::string, learned_peer> learned_;
  std::set<std::string> waiting_learned_;
  std::set<std::uint16_t> logged_types_;     ///< whose failure to encode was logged
};

}  // namespace freshet::port

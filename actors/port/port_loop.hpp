// One node's sockets and the loop over them, without the actor: wait until something is to do, do
// a bounded share of it for each socket in turn, and wait again. Nothing is polled for in vain.
// Thread contract: all members from the one thread that called open().
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spdlog/logger.h>
#include <zmq.hpp>

#include "actors/port/inbound.hpp"
#include "actors/port/outbound.hpp"
#include "actors/port/socket_context.hpp"
#include "actors/port/sockets.hpp"
#include "actors/port/wake_fd.hpp"
#include "actors/rt/real_clock.hpp"
#include "actors/rt/traffic.hpp"
#include "actors/rt/transport.hpp"

namespace freshet::port {

class port_loop {
 public:
  struct setup {
    rt::port_config config;
    epoch life;
    std::shared_ptr<socket_context> context;
    std::shared_ptr<wake_fd> wake;             ///< ends a wait
    std::shared_ptr<const rt::time_source> clock;
    std::shared_ptr<rt::traffic_meter> traffic;
    std::shared_ptr<spdlog::logger> log;
  };

  explicit port_loop(setup s);
  ~port_loop();
  port_loop(const port_loop&) = delete;
  port_loop& operator=(const port_loop&) = delete;

  /// Endpoints as bound. After an error nothing is open.
  result<std::vector<std::string>> open();
  void register_role(const std::string& role, receiver to) { inbound_.register_role(role, std::move(to)); }
  void forget_role(const std::string& role) { inbound_.forget_role(role); }
  void connect(const std::string& node, const std::string& endpoint, const std::string& server_key);
  void disconnect(const std::string& node) { outbound_->disconnect(node); }
  /// Encodes and queues, and sends on the way to the peers that we dial: what is on the wire already is read at the other end
  /// meanwhile. Those that dial us wait for send_waiting(): whether their keys still count is looked at there.
  void submit(const std::vector<topology::parcel>& parcels);

  /// Waits for the wake, the sockets or a time; then receives and reports.
  void wait_and_receive();
  void send_waiting();
  /// From now on only what waits is sent, for at most `linger`.
  void begin_stop();
  [[nodiscard]] bool done() const;
  void close();

 private:
  [[nodiscard]] std::chrono::milliseconds patience(time_point now) const;
  struct source {
    zmq::socket_t* socket;
    const std::string* peer;   ///< of a dealer; null for the routers, who tell their senders apart
  };
  void receive_from(const source& from, time_point now);
  result<std::string> listen(const std::string& endpoint);
  /// The node that a message of the encrypted router comes from: empty when its routing id names one
  /// that its key does not speak for, nothing when the key may not come in (any more).
  [[nodiscard]] std::optional<std::string> owner_of(const received& message) const;
  void forget_revoked();
  void report(time_point now);

  setup setup_;
  std::string routing_id_;
  zmq::socket_t router_;                  ///< of plain links
  zmq::socket_t secure_router_;           ///< of encrypted ones; none without them
  std::string zap_domain_;
  std::uint64_t keys_seen_ = 0;           ///< revision of the allowed keys that was last looked at
  std::vector<std::string> bound_;
  inbound inbound_;
  std::unique_ptr<outbound> outbound_;
  std::optional<std::uint64_t> subscription_;
  time_point started_{};
  std::optional<time_point> next_report_;
  std::optional<time_point> next_introduction_;   ///< empty when no peer is configured
  std::optional<time_point> stop_at_;
};

}  // namespace freshet::port

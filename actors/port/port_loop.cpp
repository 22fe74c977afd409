#include "actors/port/port_loop.hpp"

#include <algorithm>
#include <utility>

#include <unistd.h>

#include "actors/port/endpoint.hpp"
#include "kernels/base/hex.hpp"
#include "topology/message/address.hpp"

namespace freshet::port {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds forever{-1};
// How long a peer behind the router is left alone when it has no room.
constexpr milliseconds look_again{5};
constexpr std::size_t submits_in_a_run = 64;
constexpr duration report_period = std::chrono::seconds(1);
// A peer that restarts behind a socket of ours knows the way back again after so long.
constexpr duration introduction_period = std::chrono::seconds(1);

milliseconds until(time_point then, time_point now) {
  // Rounded up, or the last fraction of a millisecond would be spent spinning.
  return std::max(milliseconds{0}, std::chrono::ceil<milliseconds>(then - now));
}

/// Consoles of one operator may run side by side, each under a name of its own.
bool speaks_for(const rt::key_owner& owner, const std::string& node) {
  if (node == owner.node) return true;
  return owner.console && topology::is_console_name(owner.node) && node.rfind(owner.node + "-", 0) == 0;
}

milliseconds sooner(milliseconds a, milliseconds b) { return a == forever ? b : std::min(a, b); }

}  // namespace

port_loop::port_loop(setup s)
    : setup_(std::move(s)),
      routing_id_(routing_id_of(setup_.config.node, setup_.life)),
      inbound_({setup_.config.node, setup_.life, setup_.config.limits, setup_.config.expected_roles, setup_.traffic,
                setup_.log, setup_.config.security.known}) {}

port_loop::~port_loop() { close(); }

result<std::vector<std::string>> port_loop::open() {
  const auto& config = setup_.config;
  const auto& security = config.security;
  if (security.allowed && !security.own)
    return error{errc::invalid_argument, "node " + config.node + " is to let in by key, and has none itself"};
  router_ = make_router(setup_.context->sockets(), config.limits);
  if (security.allowed) {
    zap_domain_ = routing_id_;
    setup_.context->zap().guard(zap_domain_, [allowed = security.allowed, traffic = setup_.traffic](const std::string& key) {
      const bool let_in = allowed->find(key).has_value();
      if (!let_in) traffic->update_faults([](rt::port_faults& f) { ++f.refused_keys; });
      return let_in;
    });
    secure_router_ = make_router(setup_.context->sockets(), config.limits);
    encrypt_as_server(secure_router_, *security.own, zap_domain_);
  }
  outbound_ = std::make_unique<outbound>(outbound::setup{config.node, routing_id_, config.limits, setup_.context,
                                                         setup_.traffic, setup_.log, security.own});
  // Roles of this node reach each other through this endpoint: the same path as to any other node.
  std::vector<std::string> endpoints = config.listen;
  const std::string self = "inproc://freshet/" + routing_id_;
  endpoints.push_back(self);
  for (const auto& endpoint : endpoints) {
    FRESHET_TRY_ASSIGN(auto actual, listen(endpoint));
    bound_.push_back(actual);
    if (is_inproc(actual)) setup_.context->announce(actual);
  }
  FRESHET_TRY(outbound_->connect(config.node, self, {}));
  for (const auto& [node, endpoint] : config.peers) {
    const auto key = security.servers.find(node);
    const bool encrypted = is_tcp(endpoint) && key != security.servers.end();
    FRESHET_TRY(outbound_->connect(node, endpoint, encrypted ? key->second : std::string()));
  }
  subscription_ = setup_.context->subscribe([wake = setup_.wake] { wake->wake(); });
  outbound_->follow_inproc();
  started_ = setup_.clock->now();
  if (!config.peers.empty()) next_introduction_ = started_;
  if (config.stats) next_report_ = started_ + report_period;
  return std::vector<std::string>(bound_.begin(), bound_.end() - 1);
}

result<std::string> port_loop::listen(const std::string& endpoint) {
  const bool encrypted = is_tcp(endpoint) && setup_.config.security.allowed;
  FRESHET_TRY(check_endpoint(endpoint, true, encrypted));
  return bind(encrypted ? secure_router_ : router_, endpoint);
}

void port_loop::connect(const std::string& node, const std::string& endpoint, const std::string& server_key) {
  next_introduction_ = setup_.clock->now();
  auto connected = outbound_->connect(node, endpoint, server_key);
  if (!connected) setup_.log->error("{}: {}", setup_.config.node, connected.err().text());
}

void port_loop::submit(const std::vector<topology::parcel>& parcels) {
  std::size_t unsent = 0;
  for (const auto& p : parcels) {
    outbound_->submit(p);
    if (++unsent < submits_in_a_run) continue;
    outbound_->send_to_configured();
    unsent = 0;
  }
}

milliseconds port_loop::patience(time_point now) const {
  milliseconds wait = forever;
  if (next_report_) wait = sooner(wait, until(*next_report_, now));
  if (next_introduction_) wait = sooner(wait, until(*next_introduction_, now));
  if (stop_at_) wait = sooner(wait, until(*stop_at_, now));
  if (outbound_->must_look_again()) wait = sooner(wait, look_again);
  return wait;
}

void port_loop::wait_and_receive() {
  auto dealers = outbound_->dealers();
  std::vector<zmq::pollitem_t> items;
  items.reserve(dealers.size() + 3);
  items.push_back({nullptr, setup_.wake->fd(), ZMQ_POLLIN, 0});
  items.push_back({router_.handle(), 0, ZMQ_POLLIN, 0});
  for (const auto& d : dealers)
    items.push_back({d.socket->handle(), 0, static_cast<short>(d.wants_room ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN), 0});
  if (setup_.config.security.allowed) items.push_back({secure_router_.handle(), 0, ZMQ_POLLIN, 0});
  try {
    zmq::poll(items, patience(setup_.clock->now()));
  } catch (const zmq::error_t& e) {
    if (e.num() != EINTR) throw;
    return;
  }
  const time_point now = setup_.clock->now();
  if (items[0].revents & ZMQ_POLLIN) setup_.wake->clear();
  if (items[1].revents & ZMQ_POLLIN) receive_from({&router_, nullptr}, now);
  for (std::size_t i = 0; i < dealers.size(); ++i)
    if (items[i + 2].revents & ZMQ_POLLIN) receive_from({dealers[i].socket, &dealers[i].node}, now);
  if (items.size() > dealers.size() + 2 && items.back().revents & ZMQ_POLLIN) receive_from({&secure_router_, nullptr}, now);
  inbound_.hand_over(now);
  if (items[0].revents & ZMQ_POLLIN && outbound_->follow_inproc() && next_introduction_) next_introduction_ = now;
  if (next_introduction_ && now >= *next_introduction_) {
    next_introduction_ = now + introduction_period;
    outbound_->redial_refused(now);
    outbound_->introduce(setup_.life);
  }
  if (next_report_ && now >= *next_report_) report(now);
}

std::optional<std::string> port_loop::owner_of(const received& message) const {
  // Asked for every message: a key may have been revoked since its connection was let in.
  const auto key = from_hex(message.user_id);
  const auto owner = key ? setup_.config.security.allowed->find(*key) : std::nullopt;
  if (!owner) return std::nullopt;
  std::string node = node_of_routing_id(message.routing_id);
  return speaks_for(*owner, node) ? node : std::string();
}

void port_loop::receive_from(const source& from, time_point now) {
  const auto& limits = setup_.config.limits;
  const bool encrypted = from.socket == &secure_router_;
  for (std::size_t n = 0; n < limits.messages_per_round; ++n) {
    auto message = receive(*from.socket, from.peer == nullptr, limits.wire.frames);
    if (!message) return;
    const outbound::way_back way{from.socket, message->routing_id, encrypted ? message->user_id : std::string()};
    std::string node = from.peer ? *from.peer : node_of_routing_id(way.routing_id);
    std::string sender = from.peer ? *from.peer : way.routing_id;
    if (encrypted) {
      const auto owner = owner_of(*message);
      if (!owner) {
        setup_.traffic->update_faults([](rt::port_faults& f) { ++f.refused_keys; });
        continue;
      }
      node = *owner;
      sender = way.key;   // whoever is cut off does not come back under another routing id
    }
    auto outcome = inbound_.take(std::move(*message), node, sender, now);
    if (outcome.genuine && !from.peer) outbound_->learn(node, way, now);
    for (const auto& reply : outcome.replies) outbound_->submit(reply);
  }
}

void port_loop::forget_revoked() {
  const auto& allowed = setup_.config.security.allowed;
  if (!allowed || allowed->revision() == keys_seen_) return;
  keys_seen_ = allowed->revision();
  outbound_->forget_unless([&](const std::string& node, const std::string& key) {
    const auto owner = allowed->find(from_hex(key).value_or(std::string()));
    return owner && speaks_for(*owner, node);
  });
}

void port_loop::send_waiting() {
  forget_revoked();
  outbound_->send_waiting();
}

void port_loop::report(time_point now) {
  next_report_ = now + report_period;
  topology::parcel p;
  p.head.from = {setup_.config.node, rt::port_role};
  p.head.to = *setup_.config.stats;
  p.head.life = setup_.life;
  p.body = topology::role_report{
      setup_.config.node, rt::port_role, static_cast<std::uint32_t>(::getpid()),
      static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(now - started_).count()),
      setup_.traffic->snapshot().json()};
  outbound_->submit(p);
}

void port_loop::begin_stop() {
  if (!stop_at_) stop_at_ = setup_.clock->now() + setup_.config.limits.linger;
  next_report_.reset();
  next_introduction_.reset();
}

bool port_loop::done() const { return stop_at_ && (!outbound_->has_sendable() || setup_.clock->now() >= *stop_at_); }

void port_loop::close() {
  if (subscription_) setup_.context->unsubscribe(*subscription_);
  subscription_.reset();
  if (outbound_) outbound_->close();
  for (const auto& endpoint : bound_) {
    if (is_inproc(endpoint)) setup_.context->withdraw(endpoint);
    unbind(is_tcp(endpoint) && secure_router_.handle() != nullptr ? secure_router_ : router_, endpoint);
  }
  bound_.clear();
  if (secure_router_.handle() != nullptr) secure_router_.close();
  router_.close();
  if (!zap_domain_.empty()) setup_.context->zap().forget(zap_domain_);
  zap_domain_.clear();
}

}  // namespace freshet::port

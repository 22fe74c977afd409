#include "actors/port/outbound.hpp"

#include <algorithm>
#include <utility>

#include "actors/port/endpoint.hpp"
#include "actors/port/sockets.hpp"
#include "topology/wire/bundle.hpp"
#include "topology/wire/codec.hpp"

namespace freshet::port {

namespace {
constexpr duration first_redial = std::chrono::seconds(1);
constexpr unsigned most_redial_doublings = 3;

// A message of ZeroMQ costs as much as copying a few KiB; and control cannot overtake what is in a bundle.
constexpr std::uint64_t small_bytes = 4 << 10;
constexpr std::uint64_t bundle_bytes = 32 << 10;

/// How many messages from the front on go into one bundle; 1 = the first goes alone.
std::size_t small_ones_in_front(const send_queue& queue) {
  std::uint64_t bytes = 0;
  std::size_t count = 0;
  while (count < queue.messages()) {
    const std::uint64_t more = queue.at(count).wire_bytes;
    if (more > small_bytes || bytes + more > bundle_bytes) break;
    bytes += more;
    ++count;
  }
  return std::max<std::size_t>(count, 1);
}

std::vector<shared_bytes> bundle_of(const send_queue& queue, std::size_t count) {
  constexpr std::size_t frame_overhead = 64;
  std::size_t expected = frame_overhead;
  for (std::size_t i = 0; i < count; ++i) expected += queue.at(i).wire_bytes + frame_overhead;
  topology::bundle_writer bundle(expected);
  for (std::size_t i = 0; i < count; ++i) bundle.add(queue.at(i).frames);
  return {bundle.take()};
}

std::vector<std::uint64_t> sizes_of(const send_queue& queue, std::size_t count) {
  std::vector<std::uint64_t> sizes;
  for (std::size_t i = 0; i < count; ++i) sizes.push_back(topology::bytes_in_bundle(queue.at(i).frames));
  return sizes;
}

bool has_room(zmq::socket_t& dealer) { return (dealer.get(zmq::sockopt::events) & ZMQ_POLLOUT) != 0; }
}  // namespace

result<void> outbound::connect(const std::string& node, const std::string& endpoint, const std::string& server_key) {
  FRESHET_TRY(check_endpoint(endpoint, false, !server_key.empty()));
  if (!server_key.empty() && !setup_.own)
    return error{errc::invalid_argument, "node " + node + " is reached with encryption, and this node has no key"};
  auto found = configured_.find(node);
  if (found == configured_.end())
    found = configured_.emplace(node, configured_peer(setup_.limits.queue)).first;
  auto& peer = found->second;
  peer.endpoint = endpoint;
  peer.server_key = server_key;
  peer.generation = 0;
  peer.socket.reset();
  peer.refusals = 0;
  peer.dial_again.reset();
  if (is_inproc(endpoint)) {
    follow_inproc();
    return {};
  }
  return open_socket(peer);
}

result<void> outbound::open_socket(configured_peer& peer) {
  peer.socket.emplace(make_dealer(setup_.context->sockets(), setup_.limits, setup_.routing_id));
  peer.watch.reset();
  if (!peer.server_key.empty()) {
    encrypt_as_client(*peer.socket, *setup_.own, peer.server_key);
    peer.watch = std::make_unique<handshake_watch>(setup_.context->sockets(), *peer.socket);
  }
  auto connected = port::connect(*peer.socket, peer.endpoint);
  if (!connected) peer.socket.reset();
  return connected;
}

void outbound::redial_refused(time_point now) {
  for (auto& [node, peer] : configured_) {
    if (!peer.watch) continue;
    if (peer.dial_again && now >= *peer.dial_again) {
      peer.dial_again.reset();
      if (auto opened = open_socket(peer); !opened) setup_.log->warn("{}: {}", setup_.node, opened.err().text());
      continue;
    }
    // The socket takes messages only behind a handshake.
    if (has_room(*peer.socket)) peer.refusals = 0;
    if (peer.dial_again || !peer.watch->refused()) continue;
    if (peer.refusals++ == 0)
      setup_.log->warn("{}: {} at {} does not let us in: our key is not in its list, or its key is another than we know; "
                       "dialling on", setup_.node, node, peer.endpoint);
    peer.dial_again = now + first_redial * (1 << std::min(peer.refusals - 1, most_redial_doublings));
  }
}

bool outbound::follow_inproc() {
  bool joined = false;
  for (auto& [node, peer] : configured_) {
    if (!is_inproc(peer.endpoint)) continue;
    const auto generation = setup_.context->generation(peer.endpoint);
    if (generation == peer.generation) continue;
    peer.socket.reset();
    peer.generation = generation;
    if (generation == 0) continue;
    auto opened = open_socket(peer);
    if (!opened) setup_.log->warn("{}: {}", setup_.node, opened.err().text());
    joined = joined || opened.ok();
  }
  return joined;
}

void outbound::learn(const std::string& node, const way_back& way, time_point now) {
  if (configured_.count(node) != 0) return;
  auto found = learned_.find(node);
  if (found == learned_.end()) {
    make_room_for_learned();
    found = learned_.emplace(node, learned_peer{way, {}, now, send_queue(setup_.limits.queue)}).first;
  }
  auto& peer = found->second;
  if (way.routing_id == peer.superseded) return;
  if (way.routing_id != peer.way.routing_id) peer.superseded = peer.way.routing_id;
  peer.way = way;
  peer.heard = now;
}

void outbound::forget_unless(const std::function<bool(const std::string&, const std::string&)>& allowed) {
  for (auto i = learned_.begin(); i != learned_.end();) {
    const std::string& key = i->second.way.key;
    if (key.empty() || allowed(i->first, key)) {
      ++i;
      continue;
    }
    waiting_learned_.erase(i->first);
    i = learned_.erase(i);
  }
}

void outbound::make_room_for_learned() {
  if (learned_.size() < setup_.limits.learned_peers) return;
  auto oldest = std::min_element(learned_.begin(), learned_.end(),
                                 [](const auto& a, const auto& b) { return a.second.heard < b.second.heard; });
  waiting_learned_.erase(oldest->first);
  learned_.erase(oldest);
}

void outbound::introduce(epoch life) {
  for (const auto& [node, peer] : configured_) {
    if (node == setup_.node || !peer.socket || !peer.queue.empty()) continue;
    topology::parcel p;
    p.head.from = {setup_.node, rt::port_role};
    p.head.to = {node, rt::port_role};
    p.head.life = life;
    p.body = topology::link_hello{life};
    submit(p);
  }
}

void outbound::submit(const topology::parcel& p) {
  const auto& to = p.head.to;
  auto direct = configured_.find(to.node);
  auto known = direct == configured_.end() ? learned_.find(to.node) : learned_.end();
  if (direct == configured_.end() && known == learned_.end()) {
    setup_.traffic->update_faults([](rt::port_faults& f) { ++f.unroutable; });
    return;
  }
  auto frames = topology::encode(p, setup_.limits.wire);
  if (!frames) {
    setup_.traffic->update_faults([](rt::port_faults& f) { ++f.not_encodable; });
    const auto type = topology::number_of(p.body);
    if (logged_types_.insert(type).second)
      setup_.log->error("{}: {} from {} to {} cannot be sent: {}", setup_.node, topology::name_of(p.body),
                        p.head.from.text(), to.text(), frames.err().text());
    return;
  }
  outgoing message;
  message.frames = std::move(frames).value();
  message.wire_bytes = wire_bytes(message.frames);
  message.control = topology::delivery_of(p.body) == topology::delivery::control;
  message.from = p.head.from;
  message.to = to;
  if (direct != configured_.end()) {
    enqueue(direct->first, direct->second.queue, std::move(message));
    return;
  }
  enqueue(known->first, known->second.queue, std::move(message));
  waiting_learned_.insert(known->first);
}

void outbound::enqueue(const std::string& node, send_queue& queue, outgoing message) {
  const auto dropped = queue.push(std::move(message));
  if (dropped.control == 0 && dropped.bulk == 0) return;
  setup_.traffic->update_peer(node, [&](rt::peer_traffic& p) {
    p.dropped_control += dropped.control;
    p.dropped_bulk += dropped.bulk;
  });
}

void outbound::send_to_configured() {
  for (auto& [node, peer] : configured_) {
    if (peer.queue.empty()) continue;
    if (peer.socket) drain(node, peer.queue, *peer.socket, nullptr);
    show_depth(node, peer.queue);
  }
}

void outbound::send_waiting() {
  send_to_configured();
  for (auto i = waiting_learned_.begin(); i != waiting_learned_.end();) {
    auto& peer = learned_.at(*i);
    const bool sent_all = drain(*i, peer.queue, *peer.way.router, &peer.way.routing_id);
    show_depth(*i, peer.queue);
    i = sent_all ? waiting_learned_.erase(i) : std::next(i);
  }
}

bool outbound::drain(const std::string& node, send_queue& queue, zmq::socket_t& socket, const std::string* routing_id) {
  while (!queue.empty()) {
    const std::size_t together = small_ones_in_front(queue);
    // A router cannot tell beforehand; for a dealer without room nothing is copied in vain.
    if (together > 1 && routing_id == nullptr && !has_room(socket)) return false;
    const auto frames = together > 1 ? bundle_of(queue, together) : queue.front().frames;
    const auto outcome = send(socket, routing_id, frames);
    if (outcome == send_outcome::would_block) return false;
    if (outcome == send_outcome::sent) {
      count(node, queue, topology::shares_of(wire_bytes(frames), sizes_of(queue, together)));
    } else {
      // Nobody there: the links send again what matters once the peer speaks.
      setup_.traffic->update_peer(node, [&](rt::peer_traffic& p) { p.unreachable += together; });
    }
    for (std::size_t i = 0; i < together; ++i) queue.pop();
  }
  return true;
}

// Messages of one edge are counted together: they come in long runs.
void outbound::count(const std::string& node, const send_queue& queue, const std::vector<std::uint64_t>& shares) {
  for (std::size_t i = 0; i < shares.size();) {
    const outgoing& first = queue.at(i);
    std::uint64_t bytes = 0;
    std::uint64_t messages = 0;
    for (; i < shares.size() && queue.at(i).from == first.from && queue.at(i).to == first.to; ++i, ++messages) bytes += shares[i];
    setup_.traffic->count(rt::direction::out, node, first.from, first.to, bytes, messages);
  }
}

void outbound::show_depth(const std::string& node, const send_queue& queue) {
  setup_.traffic->update_peer(node, [&](rt::peer_traffic& p) {
    p.queued_messages = queue.messages();
    p.queued_bytes = queue.bytes();
  });
}

bool outbound::has_sendable() const {
  return !waiting_learned_.empty() || std::any_of(configured_.begin(), configured_.end(), [](const auto& p) {
    return p.second.socket && !p.second.queue.empty();
  });
}

std::vector<outbound::dealer> outbound::dealers() {
  std::vector<dealer> open;
  open.reserve(configured_.size());
  for (auto& [node, peer] : configured_)
    if (peer.socket) open.push_back({node, &*peer.socket, !peer.queue.empty()});
  return open;
}

void outbound::close() {
  configured_.clear();
  learned_.clear();
  waiting_learned_.clear();
}

}  // namespace freshet::port

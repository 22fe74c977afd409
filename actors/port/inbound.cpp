#include "actors/port/inbound.hpp"

#include <cstdio>
#include <utility>

#include "topology/wire/bundle.hpp"
#include "topology/wire/codec.hpp"

namespace freshet::port {

namespace {

constexpr std::size_t most_early = 64;
// Of one mail: while a role handles it, it neither acknowledges nor looks up.
constexpr std::size_t most_in_a_mail = 128;

// Binary ids come from outside: made readable before they reach a log.
std::string printable(const std::string& text) {
  std::string out;
  for (char c : text.substr(0, 64)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return out;
}

}  // namespace

std::string routing_id_of(const std::string& node, epoch life) {
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(life.value));
  return node + "#" + hex;
}

std::string node_of_routing_id(const std::string& routing_id) {
  const auto mark = routing_id.rfind('#');
  return mark == std::string::npos ? std::string() : routing_id.substr(0, mark);
}

inbound::inbound(setup s)
    : setup_(std::move(s)),
      conduct_({setup_.limits.strikes, setup_.limits.strike_window, setup_.limits.cut_off_time,
                setup_.limits.learned_peers}) {
  for (const auto& role : setup_.expected_roles) early_[role];
}

void inbound::register_role(const std::string& role, receiver to) {
  auto& known = roles_[role];
  known = {std::move(to), {}};
  auto waiting = early_.extract(role);
  if (waiting.empty()) return;
  for (auto& p : waiting.mapped()) {
    std::vector<topology::parcel> one;
    one.push_back(std::move(p.what));
    put(known, std::move(one), p.arrived);
  }
}

inbound::consequence inbound::take(received message, const std::string& node, const std::string& sender,
                                   time_point now) {
  consequence all;
  if (conduct_.is_cut_off(sender, now)) {
    setup_.traffic->update_faults([](rt::port_faults& f) { ++f.cut_off; });
  } else if (message.too_many_frames) {
    malformed(sender, "more than " + std::to_string(setup_.limits.wire.frames) + " frames", now);
  } else if (message.frames.size() == 1 && topology::is_bundle(message.frames.front())) {
    take_bundle(message, node, sender, now, all);
  } else {
    take_parcel(message.frames, message.wire_bytes, node, sender, now, all);
  }
  write_counts();
  return all;
}

void inbound::take_bundle(const received& message, const std::string& node, const std::string& sender, time_point now,
                          consequence& so_far) {
  const auto parcels = topology::split_bundle(message.frames.front(), setup_.limits.wire);
  if (!parcels && parcels.err().code == errc::unsupported) {
    setup_.traffic->update_faults([](rt::port_faults& f) { ++f.unknown_type; });   // a newer peer, not a bad one
    return;
  }
  if (!parcels) return malformed(sender, parcels.err().text(), now);
  std::vector<std::uint64_t> sizes;
  sizes.reserve(parcels->size());
  for (std::size_t i = 0; i < parcels->size(); ++i) sizes.push_back(topology::bytes_in_bundle((*parcels)[i]));
  const auto shares = topology::shares_of(message.wire_bytes, std::move(sizes));
  for (std::size_t i = 0; i < parcels->size(); ++i) {
    if (conduct_.is_cut_off(sender, now)) {
      setup_.traffic->update_faults([](rt::port_faults& f) { ++f.cut_off; });
      continue;
    }
    take_parcel((*parcels)[i], shares[i], node, sender, now, so_far);
  }
}

void inbound::take_parcel(topology::frame_range frames, std::uint64_t bytes, const std::string& node,
                          const std::string& sender, time_point now, consequence& so_far) {
  auto decoded = topology::decode(frames, setup_.limits.wire);
  if (!decoded) return not_understood(frames, decoded.err(), node, sender, now, so_far);
  auto p = std::move(decoded).value();
  const bool own_word = identity_holds(p.head, node) &&
                        (!setup_.known || setup_.known->may_say(p.head.from, p.head.to, p.body));
  if (!own_word) return not_its_own(sender, now);
  count(node, p.head, bytes);
  deliver(std::move(p), now);
  so_far.genuine = true;
}

void inbound::count(const std::string& node, const topology::envelope& head, std::uint64_t bytes) {
  run& r = uncounted_;
  if (r.messages > 0 && !(r.node == node && r.from == head.from && r.to == head.to)) write_counts();
  if (r.messages == 0) r = {node, head.from, head.to, 0, 0};
  r.bytes += bytes;
  ++r.messages;
}

void inbound::write_counts() {
  run& r = uncounted_;
  if (r.messages == 0) return;
  setup_.traffic->count(rt::direction::in, r.node, r.from, r.to, r.bytes, r.messages);
  r.messages = 0;
}

void inbound::not_its_own(const std::string& sender, time_point now) {
  setup_.traffic->update_faults([](rt::port_faults& f) { ++f.wrong_identity; });
  strike(sender, now);
}

bool inbound::identity_holds(const topology::envelope& head, const std::string& node) const {
  return !node.empty() && head.from.node == node && head.to.node == setup_.node;
}

void inbound::not_understood(topology::frame_range frames, const error& why, const std::string& node,
                             const std::string& sender, time_point now, consequence& so_far) {
  if (why.code != errc::unsupported || frames.empty()) return malformed(sender, why.text(), now);
  auto head = topology::decode_envelope(frames[0], setup_.limits.wire);
  if (!head || !identity_holds(*head, node)) return malformed(sender, why.text(), now);
  // A newer peer, not a bad one: it is told, and nothing is held against it. Errors are not
  // answered, or two nodes could do nothing else for ever.
  setup_.traffic->update_faults([](rt::port_faults& f) { ++f.unknown_type; });
  so_far.genuine = true;
  if (head->type == topology::message_traits<topology::error_reply>::number) return;
  topology::parcel reply;
  reply.head.from = {setup_.node, rt::port_role};
  reply.head.to = head->from;
  reply.head.life = setup_.life;
  reply.head.correlation = head->correlation;
  reply.body = topology::error_reply{static_cast<std::uint8_t>(why.code), why.context, head->type};
  so_far.replies.push_back(std::move(reply));
}

void inbound::deliver(topology::parcel p, time_point now) {
  if (p.head.to.role == rt::port_role) return;  // an introduction: that it came is all it says
  auto found = roles_.find(p.head.to.role);
  if (found == roles_.end()) {
    // A node's first hellos often outrun its roles; without this each would cost a hello period.
    auto expected = early_.find(p.head.to.role);
    if (expected != early_.end() && expected->second.size() < most_early) {
      expected->second.push_back({std::move(p), now});
      return;
    }
    setup_.traffic->update_faults([](rt::port_faults& f) { ++f.no_such_role; });
    return;
  }
  if (topology::delivery_of(p.body) != topology::delivery::control) {
    if (found->second.round.empty()) found->second.round.reserve(most_in_a_mail);
    found->second.round.push_back(std::move(p));
    if (found->second.round.size() >= most_in_a_mail) put(found->second, std::exchange(found->second.round, {}), now);
    return;
  }
  std::vector<topology::parcel> urgent;
  urgent.push_back(std::move(p));
  put(found->second, std::move(urgent), now);
}

void inbound::hand_over(time_point now) {
  for (auto& [name, role] : roles_) {
    if (role.round.empty()) continue;
    put(role, std::exchange(role.round, {}), now);
  }
}

void inbound::put(registered& role, std::vector<topology::parcel> parcels, time_point arrived) {
  const std::size_t all = parcels.size();
  const std::size_t taken = role.to(std::move(parcels), arrived);
  if (taken < all) setup_.traffic->update_faults([&](rt::port_faults& f) { f.mailbox_full += all - taken; });
}

void inbound::malformed(const std::string& sender, const std::string& why, time_point now) {
  setup_.traffic->update_faults([](rt::port_faults& f) { ++f.malformed; });
  setup_.log->debug("{}: malformed message from {}: {}", setup_.node, printable(sender), why);
  strike(sender, now);
}

void inbound::strike(const std::string& sender, time_point now) {
  if (!conduct_.strike(sender, now)) return;
  setup_.traffic->update_faults([](rt::port_faults& f) { ++f.cut_offs; });
  setup_.log->warn("{}: {} is cut off for {} ms: it keeps sending what does not decode or is not its own", setup_.node,
                   printable(sender),
                   std::chrono::duration_cast<std::chrono::milliseconds>(setup_.limits.cut_off_time).count());
}

}  // namespace freshet::port

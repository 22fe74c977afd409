#include "topology/flow/link_table.hpp"

#include "kernels/base/check.hpp"

#include <algorithm>
#include <iterator>

namespace freshet::topology {

link_table::link::link(const options& settings, time_point now)
    : out({settings.resend_after, settings.resend_cap, settings.hello_every}, now),
      in(settings.initial_credit),
      heard(now) {}

link_table::link_table(address self, epoch life, options settings)
    : self_(std::move(self)), life_(life), settings_(settings) {
  FRESHET_ENSURE(life != epoch{}, "link_table: life 0 means unknown; draw one that is not 0");
  FRESHET_ENSURE(settings.queue_limit > 0 && settings.peer_limit > 0, "link_table: limits must be positive");
}

// --- links --------------------------------------------------------------------------------------

link_table::link* link_table::find(const address& peer) {
  const auto at = links_.find(peer);
  return at == links_.end() ? nullptr : &at->second;
}

bool link_table::alive(const link& l, time_point now) const {
  return l.was_heard && now - l.heard < settings_.peer_silent_after;
}

const address* link_table::least_needed(time_point now) const {
  const address* chosen = nullptr;
  time_point since{};
  for (const auto& [peer, l] : links_) {
    if (l.out.held() > 0 || now - l.heard < settings_.peer_silent_after) continue;
    if (chosen == nullptr || l.heard < since) {
      chosen = &peer;
      since = l.heard;
    }
  }
  return chosen;
}

bool link_table::can_open() const { return links_.size() < settings_.peer_limit || least_needed(latest_) != nullptr; }

link_table::link* link_table::open(const address& peer, time_point now) {
  if (link* known = find(peer)) return known;
  if (links_.size() >= settings_.peer_limit) {
    const address* leaves = least_needed(now);
    if (leaves == nullptr) return nullptr;
    links_.erase(address{*leaves});
  }
  return &links_.emplace(peer, link(settings_, now)).first->second;
}

void link_table::forget(const address& peer) { links_.erase(peer); }

void link_table::seen(time_point now) { latest_ = std::max(latest_, now); }

// --- outgoing -----------------------------------------------------------------------------------

std::size_t link_table::room(const address& to) const {
  const auto at = links_.find(to);
  if (at == links_.end()) return can_open() ? settings_.queue_limit : 0;
  return room(at->second);
}

std::size_t link_table::room(const link& l) const {
  return l.out.held_bytes() >= settings_.queue_bytes ? 0 : settings_.queue_limit - l.out.held();
}

std::size_t link_table::held(const address& to) const {
  const auto at = links_.find(to);
  return at == links_.end() ? 0 : at->second.out.held();
}

parcel link_table::wrap(const address& to, shared_message m) const {
  parcel p;
  p.head.type = number_of(m);
  p.head.from = self_;
  p.head.to = to;
  p.head.life = life_;
  p.body = std::move(m);
  return p;
}

void link_table::send(const address& to, shared_message m, time_point now) {
  seen(now);
  switch (delivery_of(m)) {
    case delivery::control:
      control_.push_back(wrap(to, std::move(m)));
      return;
    case delivery::pulled:
      pulled_.push_back(wrap(to, std::move(m)));
      return;
    case delivery::sequenced:
      break;
  }
  link* l = open(to, now);
  FRESHET_ENSURE(l != nullptr && room(*l) > 0, "link_table::send: no room on the link to " + to.text() + " for " +
                                                   std::string(name_of(m)) + "; wait or shed by room()");
  l->sends = true;
  l->out.push(std::move(m));
}

// --- incoming -----------------------------------------------------------------------------------

void link_table::receive(parcel p, time_point now, std::vector<shared_message>& core) {
  seen(now);
  const envelope& head = p.head;
  const auto* hello = std::get_if<link_hello>(&*p.body);
  const bool sequenced = delivery_of(p.body) == delivery::sequenced;
  if (head.life == epoch{}) return;

  const auto* ack = std::get_if<link_ack>(&*p.body);

  // Only who says hello or sends in sequence gets a link; a passing client leaves no trace.
  const bool asks = hello != nullptr && head.correlation > 0;
  link* l = asks || sequenced ? open(head.from, now) : find(head.from);
  if (l != nullptr) {
    l->heard = now;
    l->was_heard = true;
    if (ack == nullptr) l->out.notice_life(head.life);  // an ack may be the proof itself
  }
  if (hello != nullptr) {
    if (l == nullptr || !asks) return;
    if (hello->life != head.life) {
      ++l->refused;
    } else {
      l->in.hello(head.life, head.correlation);
    }
    return;
  }
  if (ack != nullptr) {
    if (l == nullptr || ack->sender_life != life_) return;  // for one who is no more
    if (ack->receiver_life != head.life || !l->out.acknowledge(*ack, head.correlation, now)) ++l->refused;
    return;
  }
  if (!sequenced) {
    core.push_back(std::move(p.body));
    return;
  }
  if (l == nullptr) return;  // the table is full of live peers; this one tries again
  if (head.to_life != life_) {
    l->announce = true;
    return;
  }
  l->in.accept(head.life, head.number, std::move(p.body), core);
}

void link_table::grant(const address& from, std::uint32_t capacity, time_point now) {
  seen(now);
  if (link* l = open(from, now)) l->in.grant(capacity);
}

std::vector<address> link_table::senders() const {
  std::vector<address> who;
  for (const auto& [peer, l] : links_) {
    if (l.in.in_use()) who.push_back(peer);
  }
  return who;
}

// --- timers and output --------------------------------------------------------------------------

std::vector<parcel> link_table::take_outgoing(time_point now) {
  seen(now);
  std::vector<parcel> outgoing;
  std::size_t waiting = control_.size() + pulled_.size();
  for (const auto& [peer, l] : links_) waiting += l.out.sendable() + 2;
  outgoing.reserve(waiting);
  for (auto& [peer, l] : links_) {
    for (const auto& answer : l.in.take_answers(life_)) {
      outgoing.push_back(wrap(peer, answer.ack));
      outgoing.back().head.correlation = answer.echo;
    }
    if (l.announce) outgoing.push_back(wrap(peer, link_hello{life_}));
    l.announce = false;
    if (!l.sends) continue;
    if (const auto challenge = l.out.challenge(now)) {
      outgoing.push_back(wrap(peer, link_hello{life_}));
      outgoing.back().head.correlation = *challenge;
    }
  }
  const auto append = [&outgoing](std::vector<parcel>& from) {
    outgoing.insert(outgoing.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
    from.clear();
  };
  append(control_);
  for (auto& [peer, l] : links_) {
    const address& to = peer;
    const epoch to_life = l.out.peer_life();
    l.out.emit(now, alive(l, now), [&](std::uint64_t number, const shared_message& m) {
      outgoing.push_back(wrap(to, m));
      outgoing.back().head.number = number;
      outgoing.back().head.to_life = to_life;
    });
  }
  append(pulled_);
  return outgoing;
}

std::optional<time_point> link_table::next_due() const {
  if (!control_.empty() || !pulled_.empty()) return latest_;
  std::optional<time_point> first;
  const auto at = [&first](time_point t) {
    if (!first || t < *first) first = t;
  };
  for (const auto& [peer, l] : links_) {
    if (l.announce || l.in.answer_due()) return latest_;
    if (!l.sends) continue;
    at(l.out.hello_due());
    if (const auto due = l.out.due(latest_, alive(l, latest_))) at(*due);
  }
  return first;
}

std::vector<link_state> link_table::states() const {
  std::vector<link_state> all;
  all.reserve(links_.size());
  for (const auto& [peer, l] : links_) {
    link_state s;
    s.peer = peer;
    s.queued = l.out.held() - l.out.in_flight();
    s.in_flight = l.out.in_flight();
    s.credit = l.out.credit();
    s.acknowledged = l.out.acknowledged();
    s.resends = l.out.resends();
    s.delivered = l.in.delivered();
    s.buffered = l.in.buffered();
    s.duplicates = l.in.duplicates();
    s.refused = l.in.refused() + l.refused;
    s.peer_life = l.out.peer_life();
    s.alive = alive(l, latest_);
    all.push_back(std::move(s));
  }
  return all;
}

}  // namespace freshet::topology

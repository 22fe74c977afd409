#include "topology/flow/outgoing_stream.hpp"

#include "topology/message/message_bytes.hpp"

#include <algorithm>

namespace freshet::topology {

namespace {

// Far beyond any stream, and far enough from the end of the type that sums cannot wrap.
constexpr std::uint64_t number_limit = std::uint64_t{1} << 62;

}  // namespace

outgoing_stream::outgoing_stream(timing times, time_point now)
    : times_(times), backoff_(times.resend_after), hello_at_(now) {}

void outgoing_stream::push(shared_message m) {
  const std::size_t bytes = bytes_of(*m);
  held_bytes_ += bytes;
  queue_.push_back({std::move(m), bytes});
}

void outgoing_stream::notice_life(epoch life) {
  if (life == peer_life_ || !said_hello_) return;
  // A parcel cannot prove that its life is the present one; the answer to a new challenge can.
  hello_at_ = std::min(hello_at_, last_hello_at_ + times_.hello_every / 8);
}

void outgoing_stream::renumber(epoch life, std::uint64_t received, std::uint64_t credit) {
  peer_life_ = life;
  base_ = received;
  sent_ = 0;
  limit_ = received + credit;
  recover_until_ = 0;
  backoff_ = times_.resend_after;
  first_fresh_ = last_challenge_ + 1;
}

bool outgoing_stream::acknowledge(const link_ack& ack, std::uint64_t echo, time_point now) {
  if (echo > last_challenge_ || ack.received > number_limit) return false;
  const bool fresh = echo >= first_fresh_;
  // Within one pair of lives `received` never falls; if it does in answer to a challenge issued
  // after we knew better, the peer has dropped our link and begins again.
  const bool forgot =
      ack.receiver_life == peer_life_ && fresh && echo == last_challenge_ && ack.received < base_at_challenge_;
  if (ack.receiver_life != peer_life_ || forgot) {
    if (!fresh) {
      notice_life(ack.receiver_life);
      return true;
    }
    // `received` is 0 unless it was we who dropped the link: then the old stream goes on.
    renumber(ack.receiver_life, ack.received, ack.credit);
    return true;
  }
  if (ack.received > base_ + sent_) return false;
  if (ack.received < base_) return true;

  const auto progress = static_cast<std::size_t>(ack.received - base_);
  const bool was_closed = sent_ > 0 && !head_allowed();
  for (std::size_t i = 0; i < progress; ++i) {
    held_bytes_ -= queue_.front().bytes;
    queue_.pop_front();
  }
  base_ = ack.received;
  sent_ -= progress;
  acknowledged_ += progress;
  limit_ = ack.received + ack.credit;
  if (progress > 0) {
    backoff_ = times_.resend_after;
    // What else was in flight when the timer fired is probably lost too: do not wait for each.
    resend_at_ = base_ < recover_until_ ? now : now + backoff_;
  } else if (was_closed && sent_ > 0 && head_allowed()) {
    // The peer had no room and has now. Not at once each time, lest a flapping credit turn every
    // small ack into a large message.
    resend_at_ = std::min(resend_at_, std::max(now, front_sent_at_ + times_.resend_after / 4));
    recover_until_ = base_ + sent_;
  }
  return true;
}

std::optional<std::uint64_t> outgoing_stream::challenge(time_point now) {
  if (now < hello_at_) return std::nullopt;
  said_hello_ = true;
  last_hello_at_ = now;
  hello_at_ = now + times_.hello_every;
  base_at_challenge_ = base_;
  return ++last_challenge_;
}

void outgoing_stream::emit(time_point now, bool peer_alive,
                           const std::function<void(std::uint64_t, const shared_message&)>& put) {
  if (!known() || !peer_alive) return;
  if (sent_ > 0 && head_allowed() && now >= resend_at_) {
    put(base_ + 1, queue_.front().what);
    ++resends_;
    recover_until_ = std::max(recover_until_, base_ + sent_);
    front_sent_at_ = now;
    backoff_ = std::min(backoff_ * 2, times_.resend_cap);
    resend_at_ = now + backoff_;
  }
  while (more_allowed()) {
    if (sent_ == 0) {
      front_sent_at_ = now;
      backoff_ = times_.resend_after;
      resend_at_ = now + backoff_;
    }
    put(base_ + sent_ + 1, queue_[sent_].what);
    ++sent_;
  }
}

std::optional<time_point> outgoing_stream::due(time_point now, bool peer_alive) const {
  if (!known() || !peer_alive) return std::nullopt;
  if (more_allowed()) return now;
  if (sent_ > 0 && head_allowed()) return resend_at_;
  return std::nullopt;
}

std::uint64_t outgoing_stream::credit() const {
  const std::uint64_t last = base_ + sent_;
  return limit_ > last ? limit_ - last : 0;
}

}  // namespace freshet::topology

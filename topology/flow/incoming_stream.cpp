#include "topology/flow/incoming_stream.hpp"

#include <algorithm>

namespace freshet::topology {
namespace {

// Lives that may speak up for one address without any of them sending; more is an attack, and
// only its oldest claims are dropped (a living one says hello again within a second).
constexpr std::size_t candidate_limit = 8;
// A parcel would have to be delayed over this many restarts of its sender to be taken for new.
constexpr std::size_t retired_limit = 16;

}  // namespace

bool incoming_stream::retired(epoch life) const {
  return std::find(retired_.begin(), retired_.end(), life) != retired_.end();
}

void incoming_stream::retire(epoch life) {
  retired_.push_back(life);
  if (retired_.size() > retired_limit) retired_.pop_front();
}

void incoming_stream::hello(epoch life, std::uint64_t challenge) {
  const auto answer_in = [challenge](voice& v) {
    v.due = true;
    v.echo = std::max(v.echo, challenge);
  };
  if (active_ && active_->life == life) return answer_in(*active_);
  if (retired(life)) return;
  const auto known =
      std::find_if(candidates_.begin(), candidates_.end(), [&](const voice& v) { return v.life == life; });
  if (known != candidates_.end()) return answer_in(*known);
  if (candidates_.size() == candidate_limit) candidates_.pop_front();
  voice fresh;
  fresh.life = life;
  answer_in(fresh);
  candidates_.push_back(fresh);
}

bool incoming_stream::listen_to(epoch life, std::uint64_t number) {
  if (active_ && active_->life == life) return true;
  const auto chosen =
      std::find_if(candidates_.begin(), candidates_.end(), [&](const voice& v) { return v.life == life; });
  if (chosen == candidates_.end() || number > capacity_) return false;  // not how a stream begins
  if (active_) retire(active_->life);
  for (auto earlier = candidates_.begin(); earlier != chosen; ++earlier) retire(earlier->life);
  active_ = *chosen;
  candidates_.erase(candidates_.begin(), chosen + 1);
  ahead_.clear();
  return true;
}

void incoming_stream::accept(epoch life, std::uint64_t number, shared_message m, std::vector<shared_message>& core) {
  if (number == 0 || !listen_to(life, number)) {
    ++refused_;
    return;
  }
  active_->due = true;
  if (number <= active_->received || ahead_.count(number) > 0) {
    ++duplicates_;
    return;
  }
  if (number - active_->received > capacity_) {
    ++refused_;
    return;
  }
  if (number != active_->received + 1) {
    ahead_.emplace(number, std::move(m));
    return;
  }
  const auto hand_over = [&](shared_message&& next) {
    core.push_back(std::move(next));
    ++active_->received;
    ++delivered_;
    --capacity_;
  };
  hand_over(std::move(m));
  while (!ahead_.empty() && ahead_.begin()->first == active_->received + 1) {
    hand_over(std::move(ahead_.begin()->second));
    ahead_.erase(ahead_.begin());
  }
}

void incoming_stream::note_credit(voice& v) const {
  const std::uint64_t limit = v.received + capacity_;
  const std::uint64_t left = v.told > v.received ? v.told - v.received : 0;
  // Worth an ack of its own: more credit while the sender has used up half of what it knows of,
  // or the news that there is none. All else waits for the next ack.
  if ((limit > v.told && left * 2 <= capacity_) || (capacity_ == 0 && left > 0)) v.due = true;
}

void incoming_stream::grant(std::uint32_t capacity) {
  capacity_ = capacity;
  if (active_) {
    // What no longer fits was never acknowledged; its sender still has it.
    ahead_.erase(ahead_.upper_bound(active_->received + capacity_), ahead_.end());
    note_credit(*active_);
  }
  for (voice& v : candidates_) note_credit(v);
}

bool incoming_stream::answer_due() const {
  return (active_ && active_->due) ||
         std::any_of(candidates_.begin(), candidates_.end(), [](const voice& v) { return v.due; });
}

std::vector<incoming_stream::answer> incoming_stream::take_answers(epoch own_life) {
  std::vector<answer> answers;
  const auto take = [&](voice& v) {
    if (!v.due) return;
    answers.push_back({link_ack{v.life, own_life, v.received, capacity_}, v.echo});
    v.told = v.received + capacity_;
    v.echo = 0;
    v.due = false;
  };
  if (active_) take(*active_);
  for (voice& v : candidates_) take(v);
  return answers;
}

}  // namespace freshet::topology

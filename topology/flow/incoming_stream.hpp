// The receiver's half of a link: decides which life of the peer is heard, gives its messages to
// the core once and in order within the granted capacity, and says what to acknowledge.
// Owned by link_table; no time or I/O of its own.
//
// Lives. A hello makes its life a *candidate*, no more: hellos may be late ones of a dead process.
// The first sequenced message of a candidate makes it the *active* life, and retires the former
// one with all candidates that spoke up earlier. That order is the true one: a process can only
// send sequenced messages to us after our answer to its hello reached it, hence its hello reached
// us before any successor was started. Retired lives are never listened to again.
#pragma once

#include "kernels/base/ids.hpp"
#include "topology/message/shared_message.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace freshet::topology {

class incoming_stream {
 public:
  struct answer {
    link_ack ack;
    std::uint64_t echo = 0;
  };

  explicit incoming_stream(std::uint32_t initial_capacity) : capacity_(initial_capacity) {}

  /// A hello that asks for an answer (challenge > 0).
  void hello(epoch life, std::uint64_t challenge);
  /// A sequenced message numbered for our life. Appends to `core` what may be handed over now.
  void accept(epoch life, std::uint64_t number, shared_message m, std::vector<shared_message>& core);
  void grant(std::uint32_t capacity);

  [[nodiscard]] bool answer_due() const;
  /// Acks to send now; what accept() gave out until now is acknowledged by them.
  std::vector<answer> take_answers(epoch own_life);

  [[nodiscard]] bool in_use() const { return active_.has_value() || !candidates_.empty(); }
  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }
  [[nodiscard]] std::uint64_t duplicates() const { return duplicates_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] std::size_t buffered() const { return ahead_.size(); }

 private:
  struct voice {
    epoch life;
    std::uint64_t received = 0;  ///< given to the core; 0 for candidates
    std::uint64_t told = 0;      ///< highest number that it was told to have credit for
    std::uint64_t echo = 0;
    bool due = false;
  };

  bool listen_to(epoch life, std::uint64_t number);
  void retire(epoch life);
  void note_credit(voice& v) const;
  [[nodiscard]] bool retired(epoch life) const;

  std::optional<voice> active_;
  std::deque<voice> candidates_;  ///< in the order of their first hello
  std::deque<epoch> retired_;
  std::map<std::uint64_t, shared_message> ahead_;  ///< of the active life, beyond a gap; at most capacity_
  std::uint32_t capacity_;
  std::uint64_t delivered_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace freshet::topology

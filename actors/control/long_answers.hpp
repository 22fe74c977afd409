// Answers to operators that do not fit into one message: the first piece goes at once, the others when they are
// asked for, so that no more of an answer is on the way than somebody waits for.
//
//   C -> operator_request{n, "plan", ...}       <- operator_answer{n, text, part 0 of 3}
//   C -> operator_request{n, "part", {"part":1}} <- operator_answer{n, text, part 1 of 3} ...
//
// Thread contract: owned by one core.
#pragma once

#include "kernels/base/clock.hpp"
#include "kernels/base/result.hpp"
#include "topology/message/address.hpp"
#include "topology/message/changes.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace freshet::actors {

class long_answers {
 public:
  struct limits {
    std::size_t piece_bytes = std::size_t{512} << 10;   ///< below what a message's text may hold
    std::size_t answer_bytes = std::size_t{64} << 20;   ///< a longer answer is refused
    std::size_t kept = 8;                               ///< the oldest goes first
    duration keep_for = std::chrono::seconds(60);       ///< after the last piece was asked for
  };
  long_answers() : long_answers(limits{}) {}
  explicit long_answers(limits bounds) : limits_(bounds) {}

  /// The whole of a short answer, or the first piece of a long one, which is kept.
  topology::operator_answer begin(const topology::address& to, std::uint64_t number, std::string json, time_point now);
  /// Piece `part` of an answer that was begun; errc::not_found when it is kept no more.
  result<topology::operator_answer> piece(const topology::address& to, std::uint64_t number, std::uint64_t part,
                                          time_point now);
  void forget_old(time_point now);
  [[nodiscard]] std::size_t size() const { return kept_.size(); }

 private:
  struct answer {
    topology::address to;
    std::uint64_t number = 0;
    std::vector<std::string> pieces;
    time_point used;
  };
  limits limits_;
  std::deque<answer> kept_;
};

}  // namespace freshet::actors

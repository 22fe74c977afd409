#include "actors/control/long_answers.hpp"

#include "actors/operator_question.hpp"

#include <algorithm>
#include <utility>

namespace freshet::actors {
namespace {

/// Never in the middle of a character: each piece is a text of its own on the wire.
std::vector<std::string> cut(const std::string& text, std::size_t longest) {
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.size(), at + longest);
    while (end < text.size() && end > at + 1 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    pieces.push_back(text.substr(at, end - at));
    at = end;
  }
  return pieces;
}

}  // namespace

topology::operator_answer long_answers::begin(const topology::address& to, std::uint64_t number, std::string json,
                                              time_point now) {
  if (json.size() <= limits_.piece_bytes) return {number, std::move(json), 0, 1};
  if (json.size() > limits_.answer_bytes) {
    const std::string why = "an answer of " + std::to_string(json.size()) + " bytes; at most " +
                            std::to_string(limits_.answer_bytes) + " are sent";
    return {number, answer_text(error{errc::too_large, why}), 0, 1};
  }
  const auto same = [&](const answer& a) { return a.to == to && a.number == number; };
  kept_.erase(std::remove_if(kept_.begin(), kept_.end(), same), kept_.end());
  if (kept_.size() >= limits_.kept) kept_.pop_front();
  kept_.push_back({to, number, cut(json, limits_.piece_bytes), now});
  const auto& pieces = kept_.back().pieces;
  return {number, pieces.front(), 0, static_cast<std::uint32_t>(pieces.size())};
}

result<topology::operator_answer> long_answers::piece(const topology::address& to, std::uint64_t number,
                                                      std::uint64_t part, time_point now) {
  for (answer& a : kept_) {
    if (!(a.to == to) || a.number != number) continue;
    if (part >= a.pieces.size())
      return error{errc::invalid_argument, "part " + std::to_string(part) + " of an answer of " +
                                               std::to_string(a.pieces.size()) + " parts"};
    a.used = now;
    return topology::operator_answer{number, a.pieces[part], static_cast<std::uint32_t>(part),
                                     static_cast<std::uint32_t>(a.pieces.size())};
  }
  return error{errc::not_found, "that answer is kept no more; ask again"};
}

void long_answers::forget_old(time_point now) {
  const auto old = [&](const answer& a) { return now - a.used > limits_.keep_for; };
  kept_.erase(std::remove_if(kept_.begin(), kept_.end(), old), kept_.end());
}

}  // namespace freshet::actors

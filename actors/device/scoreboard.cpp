#include "actors/device/scoreboard.hpp"

namespace freshet::actors {
namespace {

void count(scoreboard::tally& to, bool correct, bool twin_correct) {
  ++to.scored;
  if (correct) ++to.correct;
  if (twin_correct) ++to.twin_correct;
}

}  // namespace

void scoreboard::add(bool correct, bool twin_correct) {
  count(all_, correct, twin_correct);
  count(recent_, correct, twin_correct);
  marks_.push_back({correct, twin_correct});
  if (marks_.size() <= window) return;
  --recent_.scored;
  if (marks_.front().correct) --recent_.correct;
  if (marks_.front().twin_correct) --recent_.twin_correct;
  marks_.pop_front();
}

}  // namespace freshet::actors

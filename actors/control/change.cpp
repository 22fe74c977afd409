#include "actors/control/change.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace freshet::actors {

using topology::change_step;

change::change(std::uint64_t from, std::uint64_t to, std::set<std::string> nodes, std::set<std::string> nodes_of_old,
               revision_state at, limits patience, time_point now)
    : from_(from),
      to_(to),
      nodes_(std::move(nodes)),
      nodes_of_old_(std::move(nodes_of_old)),
      state_(at),
      limits_(patience),
      since_(now) {}

const std::set<std::string>& change::taking_part() const {
  return state_ == revision_state::reverting ? nodes_of_old_ : nodes_;
}

change::wanted change::aim() const {
  switch (state_) {
    case revision_state::preparing:
      return {to_, change_step::prepare};
    case revision_state::switching:
      return {to_, change_step::become};
    case revision_state::finishing:
    case revision_state::applied:
      return {to_, change_step::finish};
    case revision_state::reverting:
    case revision_state::reverted:
      break;
  }
  return {from_, change_step::finish};
}

duration change::patience() const {
  switch (state_) {
    case revision_state::preparing:
      return limits_.prepare;
    case revision_state::switching:
      return limits_.switching;
    case revision_state::finishing:
      return limits_.finish;
    // There is no way but back: who is not there yet is brought along when it comes.
    // What changed must stop and start again for it.
    case revision_state::reverting:
      return std::max(limits_.switching, limits_.finish);
    default:
      return duration::max();
  }
}

namespace {

bool is_at(const topology::node_report& r, const change::wanted& aim) {
  switch (aim.step) {
    case change_step::prepare:
      return r.prepared == aim.revision || r.active == aim.revision;
    case change_step::become:
      return r.active == aim.revision;
    case change_step::finish:
      // What was made ready and is not wanted holds memory until it is dropped.
      return r.active == aim.revision && r.finished && r.prepared == 0;
  }
  return false;
}

}  // namespace

bool change::done(const std::string& node, const report_board& reports) const {
  const auto it = reports.find(node);
  return it != reports.end() && is_at(it->second.what, aim());
}

bool change::advance(const report_board& reports, time_point now) {
  if (ended()) return false;
  std::string missing;
  for (const std::string& node : taking_part()) {
    const auto it = reports.find(node);
    if (state_ != revision_state::reverting && it != reports.end() && it->second.what.failed == to_) {
      revert("node " + node + ": " + it->second.what.failure);
      since_ = now;
      return true;
    }
    if (!done(node, reports)) missing += (missing.empty() ? "" : ", ") + node;
  }
  if (missing.empty()) {
    state_ = state_ == revision_state::reverting ? revision_state::reverted
                                                 : static_cast<revision_state>(static_cast<int>(state_) + 1);
    since_ = now;
    return true;
  }
  if (now - since_ < patience()) return false;
  if (state_ == revision_state::reverting) {
    note_ += (note_.empty() ? "" : "; ") + std::string("not yet heard to be back: ") + missing;
    state_ = revision_state::reverted;
    since_ = now;
    return true;
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience()).count();
  revert("no confirmation within " + std::to_string(seconds) + " s while " + name(state_) + " from " + missing);
  since_ = now;
  return true;
}

void change::revert(std::string why) {
  if (ended() || state_ == revision_state::reverting) return;
  note_ = std::move(why);
  state_ = revision_state::reverting;
}

std::map<std::string, change::wanted> change::orders(const report_board& reports) const {
  std::map<std::string, wanted> out;
  const wanted goal = aim();
  for (const std::string& node : taking_part()) {
    if (done(node, reports)) continue;
    wanted next = goal;
    // A node that came back knows nothing of the steps before: it takes them one by one.
    if (goal.step == change_step::finish) {
      const auto it = reports.find(node);
      if (it == reports.end() || it->second.what.active != goal.revision) next.step = change_step::become;
    }
    out[node] = next;
  }
  return out;
}

}  // namespace freshet::actors

#include "tools/freshet/console/live_follower.hpp"

#include "actors/stats/bounded_json.hpp"
#include "kernels/base/error.hpp"

#include <utility>
#include <variant>

namespace freshet::cli {

using nlohmann::json;

namespace {

constexpr actors::json_limits delta_limits{std::size_t{1} << 20, 16};

// Pages of one moment name different entries of the two upper levels.
void gather(json& all, json more) {
  for (auto& [key, value] : more.items()) {
    const auto found = all.find(key);
    if (found != all.end() && found->is_object() && value.is_object())
      found->update(value);
    else
      all[key] = std::move(value);
  }
}

}  // namespace

live_follower::live_follower(std::uint32_t interval_ms, std::function<std::uint64_t()> draw)
    : interval_ms_(interval_ms), draw_(std::move(draw)), gathered_(json::object()) {}

void live_follower::begin(time_point now) {
  subscription_ = draw_();
  number_ = acknowledged_ = 0;
  gathered_ = json::object();
  heard_ = said_ = now;
  outgoing_.push_back(topology::stats_subscribe{subscription_, "live", interval_ms_});
}

void live_follower::lose(std::string why, time_point again) {
  attached_ = false;
  subscription_ = 0;
  begin_at_ = again;
  changes_.push_back({live_change::kind::lost, number_, {}, std::move(why)});
}

void live_follower::receive(const topology::any_message& m, time_point now) {
  if (const auto* d = std::get_if<topology::stats_delta>(&m)) {
    if (subscription_ != 0 && d->subscription == subscription_) take(*d, now);
  } else if (const auto* e = std::get_if<topology::stats_end>(&m)) {
    if (subscription_ == 0 || e->subscription != subscription_) return;
    const auto code = static_cast<errc>(e->code);
    // Who was only forgotten may come back at once; who was refused tries later.
    lose(error{code, e->context}.text(), code == errc::not_found ? now : now + after_a_refusal);
  } else if (const auto* refused = std::get_if<topology::error_reply>(&m)) {
    if (subscription_ != 0 && refused->refused_type == topology::message_traits<topology::stats_subscribe>::number)
      lose("the daemon does not know how to be followed; it is of an older version", now + after_a_refusal);
  }
}

void live_follower::take(const topology::stats_delta& d, time_point now) {
  heard_ = now;
  if (d.number <= number_) return;
  if (d.number > number_ + 1) return lose("delta " + std::to_string(number_ + 1) + " was lost", now);
  auto patch = actors::parse_object(d.json, delta_limits);
  if (!patch) return lose("delta " + std::to_string(d.number) + ": " + patch.err().text(), now + after_a_refusal);
  number_ = d.number;
  gather(gathered_, std::move(patch).value());
  if (number_ - acknowledged_ >= most_unsaid || (d.complete && !attached_)) acknowledge(now);
  if (!d.complete) return;
  live_change change;
  change.number = number_;
  if (attached_) {
    change.what = live_change::kind::delta;
    change.content = std::move(gathered_);
  } else {
    change.what = live_change::kind::snapshot;
    change.content = json::object();
    change.content.merge_patch(gathered_);
  }
  attached_ = true;
  gathered_ = json::object();
  changes_.push_back(std::move(change));
}

void live_follower::tick(time_point now) {
  if (subscription_ == 0) {
    if (now >= begin_at_) begin(now);
    return;
  }
  if (now - heard_ >= silent_after) {
    // Before the first word this is only nobody there: nothing was lost.
    if (attached_) lose("nothing was heard for " + std::to_string(silent_after / std::chrono::seconds(1)) + " s", now);
    return begin(now);
  }
  if (now - said_ < (attached_ ? heartbeat : ask_again)) return;
  if (number_ > 0) return acknowledge(now);
  said_ = now;
  outgoing_.push_back(topology::stats_subscribe{subscription_, "live", interval_ms_});
}

void live_follower::acknowledge(time_point now) {
  acknowledged_ = number_;
  said_ = now;
  outgoing_.push_back(topology::stats_taken{subscription_, number_});
}

std::vector<topology::any_message> live_follower::take_outgoing() { return std::exchange(outgoing_, {}); }
std::vector<live_change> live_follower::take_changes() { return std::exchange(changes_, {}); }

void live_follower::leave() {
  if (subscription_ != 0) outgoing_.push_back(topology::stats_end{subscription_, 0, ""});
  subscription_ = 0;
  attached_ = false;
}

}  // namespace freshet::cli

#include "actors/stats/subscriptions.hpp"

#include "actors/stats/merge_patch.hpp"

#include <algorithm>
#include <utility>

namespace freshet::actors {

using nlohmann::json;
using topology::address;

namespace {
const std::shared_ptr<const json>& empty_document() {
  static const auto nothing = std::make_shared<const json>(json::object());
  return nothing;
}
}  // namespace

void subscriptions::refuse(const address& to, std::uint64_t id, errc code, const std::string& why, outbox& out) {
  ++refused_;
  out.send(to, topology::stats_end{id, static_cast<std::uint8_t>(code), why});
}

void subscriptions::subscribe(const address& from, const topology::stats_subscribe& m, time_point now, outbox& out) {
  if (m.what != "live")
    return refuse(from, m.subscription, errc::unsupported, "\"" + m.what.substr(0, 64) + "\"; \"live\" is known", out);
  const auto found = all_.find(from);
  if (found != all_.end() && found->second.id == m.subscription) {
    found->second.heard = now;
    return;
  }
  if (found == all_.end() && all_.size() >= options_.most)
    return refuse(from, m.subscription, errc::overloaded,
                  std::to_string(all_.size()) + " consoles are attached already, and no more are taken", out);
  subscription s;
  s.id = m.subscription;
  s.interval = m.interval_ms == 0 ? options_.interval
                                  : std::clamp<duration>(std::chrono::milliseconds(m.interval_ms),
                                                         options_.shortest_interval, options_.longest_interval);
  s.next = s.heard = s.progress = now;
  s.base = empty_document();
  all_[from] = std::move(s);
}

void subscriptions::taken(const address& from, const topology::stats_taken& m, time_point now, outbox& out) {
  const auto found = all_.find(from);
  if (found == all_.end() || found->second.id != m.subscription)
    return refuse(from, m.subscription, errc::not_found, "subscription " + std::to_string(m.subscription), out);
  subscription& s = found->second;
  s.heard = now;
  // A number that was never sent is no progress.
  if (m.number <= s.taken || m.number > s.sent) return;
  s.taken = m.number;
  s.progress = now;
}

void subscriptions::end(const address& from, const topology::stats_end& m) {
  const auto found = all_.find(from);
  if (found != all_.end() && found->second.id == m.subscription) all_.erase(found);
}

std::vector<subscriptions::verdict> subscriptions::judge(time_point now, outbox& out) {
  std::vector<verdict> gone;
  for (auto i = all_.begin(); i != all_.end();) {
    subscription& s = i->second;
    const bool lags = s.sent > s.taken && now - s.progress >= options_.lag_after;
    if (!lags && now - s.heard < options_.forget_after) {
      ++i;
      continue;
    }
    const std::string why = lags ? std::to_string(s.sent - s.taken) + " deltas were not acknowledged in time"
                                 : "nothing was heard of the console";
    out.send(i->first,
             topology::stats_end{s.id, static_cast<std::uint8_t>(lags ? errc::overloaded : errc::timeout), why});
    if (lags) {
      ++cut_off_;
      gone.push_back({i->first, why});
    }
    i = all_.erase(i);
  }
  return gone;
}

bool subscriptions::due(time_point now) const {
  return std::any_of(all_.begin(), all_.end(), [&](const auto& s) { return ready(s.second, now); });
}

void subscriptions::send(const std::shared_ptr<const json>& document, time_point now, outbox& out) {
  // Consoles that stand at the same moment get the same text: made once.
  std::map<const json*, std::vector<std::string>> made;
  for (auto& [console, s] : all_) {
    if (!ready(s, now)) continue;
    auto found = made.find(s.base.get());
    if (found == made.end())
      found = made.emplace(s.base.get(), pages(difference(*s.base, *document), options_.page_bytes)).first;
    if (s.sent == s.taken) s.progress = now;
    const auto& texts = found->second;
    for (std::size_t i = 0; i < texts.size(); ++i)
      out.send(console, topology::stats_delta{s.id, ++s.sent, i + 1 == texts.size(), texts[i]});
    sent_ += texts.size();
    s.base = document;
    // On a grid that all consoles of one interval share, whenever they came.
    const auto since = now.time_since_epoch();
    s.next = time_point(since - since % s.interval + s.interval);
  }
}

void subscriptions::close(outbox& out) {
  for (const auto& [console, s] : all_)
    out.send(console, topology::stats_end{s.id, static_cast<std::uint8_t>(errc::unavailable), "stats stops"});
  all_.clear();
}

}  // namespace freshet::actors

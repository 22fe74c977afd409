// A simulated network of link_tables in virtual time: loses, repeats, delays and reorders parcels,
// restarts ends, closes and opens their credit. Each end sends numbered messages to its peers and
// judges what it is given. One thread; the same seed gives the same run.
//
// Ends are stepped only by parcels, by their application and by link_table::next_due(), so a due
// time that is missing shows as a stall and one that does not move on as a spin.
#pragma once

#include "kernels/base/rng.hpp"
#include "topology/flow/link_table.hpp"
#include "topology/wire/codec.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace freshet::test_support {

struct network_weather {
  double loss = 0;
  double repeat = 0;
  duration delay = std::chrono::milliseconds{1};  ///< uniform up to this: reorders
  double late = 0;                                ///< share of parcels that come late by up to late_by
  duration late_by = std::chrono::seconds{4};
};

class lossy_network {
 public:
  struct plan {
    std::vector<std::pair<std::size_t, std::size_t>> streams;  ///< sender, receiver
    std::uint32_t messages = 20;                               ///< of a sender's life on each stream
    std::size_t ends = 2;
    network_weather weather;
    duration storm = std::chrono::seconds{20};  ///< restarts and closed credit happen until then
    std::size_t restarts = 0;
    std::size_t closures = 0;      ///< an end takes nothing for a time
    std::uint32_t core_queue = 4;  ///< what an application holds; one is done every core_pace
    duration core_pace = std::chrono::milliseconds{20};
    topology::link_table::options links;
  };

  lossy_network(std::uint64_t seed, plan p) : random_(seed), plan_(std::move(p)) {
    for (std::size_t i = 0; i < plan_.ends; ++i) {
      ends_.emplace_back();
      ends_.back().name = {"node" + std::to_string(i), "role"};
      start(i);
    }
    for (std::size_t n = 0; n < plan_.restarts; ++n) put({any_moment(), event::restart, any_end()});
    for (std::size_t n = 0; n < plan_.closures; ++n) {
      const std::size_t end = any_end();
      const time_point from = any_moment();
      put({from, event::close, end});
      put({from + duration{static_cast<std::int64_t>(random_.below(8'000'000'000))}, event::open, end});
    }
  }

  /// Runs until all streams of the living are complete. Empty when all is well, else what went wrong.
  std::string run(duration limit) {
    while (fault_.empty() && !events_.empty()) {
      if (now_ >= time_point{} + plan_.storm && complete()) return "";
      event next = events_.top();
      events_.pop();
      now_ = next.at;
      if (now_ > time_point{} + limit) return "not complete after " + seconds(limit) + ": " + progress();
      take(next);
    }
    return fault_.empty() ? "stalled, nothing is due: " + progress()
                          : fault_ + " at " + seconds(now_.time_since_epoch());
  }

  [[nodiscard]] std::size_t parcels() const { return parcels_; }
  [[nodiscard]] time_point now() const { return now_; }
  [[nodiscard]] std::vector<topology::link_state> states(std::size_t end) const { return ends_[end].links->states(); }

 private:
  struct event {
    enum kind { parcel, due, core, restart, close, open };
    time_point at;
    kind what = due;
    std::size_t end = 0;
    std::uint64_t order = 0;
    std::shared_ptr<const topology::parcel> cargo;
    epoch life;  ///< due, core: ignored when the end was restarted since
    event(time_point t, kind k, std::size_t e) : at(t), what(k), end(e) {}
    friend bool operator<(const event& a, const event& b) {  // the queue's top is the largest
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };
  struct end_state {
    topology::address name;
    epoch life;
    std::unique_ptr<topology::link_table> links;
    std::map<std::size_t, std::uint32_t> sent;  ///< to receiver: messages of this life
    std::uint32_t backlog = 0;
    bool closed = false;
    bool core_busy = false;
    time_point due_at = time_point::max();
  };

  std::size_t any_end() { return static_cast<std::size_t>(random_.below(plan_.ends)); }
  time_point any_moment() {
    return time_point{} +
           duration{static_cast<std::int64_t>(random_.uniform() * static_cast<double>(plan_.storm.count()))};
  }
  static std::string seconds(duration d) { return std::to_string(std::chrono::duration<double>(d).count()) + " s"; }

  void put(event e) {
    e.order = ++order_;
    events_.push(std::move(e));
  }

  void start(std::size_t i) {
    end_state& end = ends_[i];
    end.life = epoch{random_.next() | 1U};
    end.links = std::make_unique<topology::link_table>(end.name, end.life, plan_.links);
    end.sent.clear();
    end.backlog = 0;
    end.core_busy = false;
    end.due_at = time_point::max();
    wake(i, event::due, now_);
  }

  void wake(std::size_t i, event::kind what, time_point at) {
    event e{at, what, i};
    e.life = ends_[i].life;
    put(std::move(e));
  }

  void take(const event& e) {
    end_state& end = ends_[e.end];
    switch (e.what) {
      case event::restart:
        start(e.end);
        return;
      case event::close:
        end.closed = true;
        break;
      case event::open:
        end.closed = false;
        break;
      case event::parcel:
        given_.clear();
        end.links->receive(*e.cargo, now_, given_);
        for (const auto& m : given_) judge(e.end, e.cargo->head.from, m);
        break;
      case event::core:
        if (e.life != end.life) return;
        end.core_busy = false;
        if (end.backlog > 0) --end.backlog;
        break;
      case event::due:
        if (e.life != end.life || end.due_at != e.at) {
          if (e.life != end.life || end.due_at != time_point::max()) return;
        }
        break;
    }
    step(e.end);
  }

  /// What a role's shell does after anything has happened.
  void step(std::size_t i) {
    end_state& end = ends_[i];
    if (end.backlog > 0 && !end.core_busy) {
      end.core_busy = true;
      wake(i, event::core, now_ + plan_.core_pace);
    }
    const std::uint32_t capacity = end.closed ? 0 : plan_.core_queue - end.backlog;
    for (const auto& sender : end.links->senders()) end.links->grant(sender, capacity, now_);
    for (const auto& [from, to] : plan_.streams) {
      if (from != i) continue;
      while (end.sent[to] < plan_.messages && end.links->room(ends_[to].name) > 0) {
        end.links->send(ends_[to].name, topology::pace{end.life.value, 0, end.sent[to]++}, now_);
      }
    }
    for (auto& p : end.links->take_outgoing(now_)) carry(std::move(p));
    for (const auto& s : end.links->states()) {
      if (s.queued + s.in_flight > plan_.links.queue_limit) fault_ = "queue of " + s.peer.text() + " beyond its limit";
      if (s.buffered > plan_.core_queue) fault_ = "buffers more than was granted";
    }
    const auto due = end.links->next_due();
    if (due && *due <= now_) fault_ = end.name.text() + " is due again at once";
    if (due && *due != end.due_at) {
      end.due_at = *due;
      wake(i, event::due, *due);
    }
    if (!due) end.due_at = time_point::max();
  }

  void carry(topology::parcel p) {
    ++parcels_;
    const auto receiver =
        std::find_if(ends_.begin(), ends_.end(), [&](const end_state& e) { return e.name == p.head.to; });
    if (receiver == ends_.end()) return;
    const auto cargo = std::make_shared<const topology::parcel>(parcels_ % 8 == 0 ? over_the_wire(p) : std::move(p));
    const network_weather& w = plan_.weather;
    for (int copies = random_.chance(w.repeat) ? 2 : 1; copies > 0; --copies) {
      if (random_.chance(w.loss)) continue;
      duration delay = w.delay * static_cast<std::int64_t>(1 + random_.below(1000)) / 1000;
      if (random_.chance(w.late)) delay += w.late_by * static_cast<std::int64_t>(random_.below(1000)) / 1000;
      event e{now_ + delay, event::parcel, static_cast<std::size_t>(receiver - ends_.begin())};
      e.cargo = cargo;
      put(std::move(e));
    }
  }

  /// What the codec makes of it (for some parcels: it costs more than all else here).
  topology::parcel over_the_wire(const topology::parcel& p) {
    const auto frames = topology::encode(p);
    const auto copy = frames.ok() ? topology::decode(*frames) : result<topology::parcel>(frames.err());
    if (copy.ok()) return *copy;
    fault_ = "codec: " + copy.err().text();
    return p;
  }

  void judge(std::size_t i, const topology::address& from, const topology::any_message& m) {
    end_state& end = ends_[i];
    const auto* got = std::get_if<topology::pace>(&m);
    if (got == nullptr) return;
    if (end.closed || ++end.backlog > plan_.core_queue)
      fault_ = end.name.text() + " was given more than it has room for";
    const epoch sender{got->tick};
    auto& in_pair = next_[{from, sender, end.name, end.life}];
    auto& ever = ever_[{from, sender, end.name}];
    if (in_pair == 0 && got->count > ever) {
      fault_ = "message " + std::to_string(ever) + " of " + from.text() + " never reached " + end.name.text();
    } else if (in_pair != 0 && got->count != in_pair) {
      fault_ = end.name.text() + " got message " + std::to_string(got->count) + " of " + from.text() + " instead of " +
               std::to_string(in_pair);
    }
    in_pair = got->count + 1;
    ever = std::max(ever, in_pair);
  }

  bool complete() const {
    return std::all_of(plan_.streams.begin(), plan_.streams.end(), [&](const auto& s) {
      const auto at = ever_.find({ends_[s.first].name, ends_[s.first].life, ends_[s.second].name});
      return at != ever_.end() && at->second == plan_.messages;
    });
  }

  std::string progress() const {
    std::string text;
    for (const auto& [from, to] : plan_.streams) {
      const auto at = ever_.find({ends_[from].name, ends_[from].life, ends_[to].name});
      text += std::to_string(from) + "->" + std::to_string(to) + " " +
              std::to_string(at == ever_.end() ? 0 : at->second) + "/" + std::to_string(plan_.messages) + "  ";
    }
    return text;
  }

  rng random_;
  plan plan_;
  std::vector<end_state> ends_;
  std::vector<topology::shared_message> given_;   ///< to a core, of the parcel that arrives
  std::priority_queue<event> events_;
  std::uint64_t order_ = 0;
  time_point now_{};
  std::size_t parcels_ = 0;
  std::string fault_;
  /// Per pair of lives: the message that must come next.
  std::map<std::tuple<topology::address, epoch, topology::address, epoch>, std::uint32_t> next_;
  /// Per life of the sender: how far the receiver came, in all its lives.
  std::map<std::tuple<topology::address, epoch, topology::address>, std::uint32_t> ever_;
};

}  // namespace freshet::test_support

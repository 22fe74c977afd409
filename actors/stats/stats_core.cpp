#include "actors/stats/stats_core.hpp"

#include "actors/refusal.hpp"
#include "actors/stats/course.hpp"
#include "actors/stats/events.hpp"
#include "actors/stats/heard_role.hpp"
#include "actors/stats/live_document.hpp"
#include "kernels/base/json_line.hpp"
#include "topology/graph/plan.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace {

using nlohmann::json;
using topology::address;
using topology::any_message;

std::uint64_t milliseconds(duration d) {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::milliseconds>(d).count()));
}

class stats_core final : public role_core {
 public:
  explicit stats_core(stats_options options)
      : options_(std::move(options)), consoles_(options_.subscriptions) {}

  void start(time_point now, outbox&) override { started_ = now; }

  void handle(const address& from, const any_message& m, time_point now, outbox& out) override {
    if (const auto* report = std::get_if<topology::role_report>(&m)) {
      hear(from, m, *report, now, out);
    } else if (const auto* request = std::get_if<topology::stats_request>(&m)) {
      if (request->what != "all") {
        return refuse(from, m, error{errc::unsupported, "stats of \"" + request->what + "\"; \"all\" is known"}, out);
      }
      out.send(from, topology::stats_snapshot{++number_, document(now)});
    } else if (const auto* wish = std::get_if<topology::stats_subscribe>(&m)) {
      consoles_.subscribe(from, *wish, now, out);  // served with the next tick: a flood of wishes costs no documents
    } else if (const auto* taken = std::get_if<topology::stats_taken>(&m)) {
      consoles_.taken(from, *taken, now, out);
    } else if (const auto* end = std::get_if<topology::stats_end>(&m)) {
      consoles_.end(from, *end);
    } else if (const auto* said = std::get_if<topology::operator_request>(&m)) {
      if (from.role != topology::control_role || said->verb != "roster") return refuse_unknown("stats", from, m, out);
      take_roster(said->json);
    } else {
      refuse_unknown("stats", from, m, out);
    }
  }

  void tick(time_point now, outbox& out) override {
    now_ = now;
    for (auto it = roles_.begin(); it != roles_.end();) {
      const duration age = now - it->second.heard();
      if (age >= options_.silent_after && silent_.insert(it->first).second)
        events_.add(event_level::bad, it->first.text(), "is silent", now - started_);
      if (age >= options_.forget_after) {
        silent_.erase(it->first);
        report_bytes_ -= it->second.last().bytes;
        it = roles_.erase(it);
      } else {
        ++it;
      }
    }
    course_.sample(sources(), now - started_, now);
    for (const auto& gone : consoles_.judge(now, out))
      events_.add(event_level::warn, gone.console.text(), "cut off: " + gone.text, now - started_);
    serve(now, out);
  }

  bool work(time_point, outbox&) override { return false; }
  std::uint32_t capacity(const address&) const override { return 0; }  // all that comes here is control

  std::string stats_json() const override {
    const auto silent = std::count_if(roles_.begin(), roles_.end(),
                                      [&](const auto& r) { return now_ - r.second.heard() >= options_.silent_after; });
    return json{{"roles", roles_.size()}, {"silent_roles", silent}, {"reports", reports_},
                {"refused", refused_},    {"snapshots", number_},   {"shortened", shortened_},
                {"consoles", consoles_.size()}, {"deltas", consoles_.sent()}, {"consoles_cut_off", consoles_.cut_off()},
                {"consoles_refused", consoles_.refused()}}
        .dump();
  }

  void stop(time_point, outbox& out) override { consoles_.close(out); }

 private:
  void hear(const address& from, const any_message& m, const topology::role_report& report, time_point now,
            outbox& out) {
    now_ = now;
    if (report.node != from.node || report.role != from.role) {
      return refuse_report(
          from, m, error{errc::invalid_argument, "report of " + report.node + "/" + report.role + " by " + from.text()},
          out);
    }
    auto stats = parse_object(report.json, options_.report_limits);
    if (!stats) return refuse_report(from, m, stats.err(), out);
    if (roles_.count(from) == 0 && roles_.size() >= options_.max_roles && !forget_silent(now)) {
      return refuse_report(from, m, error{errc::overloaded, std::to_string(roles_.size()) + " roles report already"},
                           out);
    }
    const auto known = roles_.find(from);
    const std::size_t others = report_bytes_ - (known == roles_.end() ? 0 : known->second.last().bytes);
    if (others + report.json.size() > options_.max_report_bytes) {
      return refuse_report(from, m, error{errc::overloaded, std::to_string(others) + " bytes of reports are kept already"},
                           out);
    }
    report_bytes_ = others + report.json.size();
    ++reports_;
    heard_report heard{report.process_id, report.uptime_ms, std::move(*stats), report.json.size()};
    const std::string kind = kind_of(sources(), from);
    events_.compare(from, kind, known == roles_.end() ? nullptr : &known->second.last(), heard, now - started_);
    if (silent_.erase(from) > 0) events_.add(event_level::good, from.text(), "is heard again", now - started_);
    roles_[from].hear(std::move(heard), now);
  }

  /// Who there is now, of CONTROL: {"node/role": kind}.
  void take_roster(const std::string& text) {
    const json roster = json::parse(text, nullptr, false);
    if (!roster.is_object()) return;
    std::map<address, std::string> all;
    for (const auto& [where, kind] : roster.items()) {
      const std::size_t slash = where.find('/');
      if (slash == std::string::npos || !kind.is_string()) return;
      all[{where.substr(0, slash), where.substr(slash + 1)}] = kind.get<std::string>();
    }
    options_.expected = std::move(all);
  }

  live_sources sources() const { return {roles_, options_.expected, options_.silent_after}; }

  // The live document is made only when a console is due, once for all of them.
  void serve(time_point now, outbox& out) {
    if (!consoles_.due(now)) return;
    json live = live_document(sources(), now);
    live["uptime_s"] = std::chrono::duration_cast<std::chrono::seconds>(now - started_).count();
    live["course"] = course_.document();
    live["events"] = events_.document();
    consoles_.send(std::make_shared<const json>(std::move(live)), now, out);
  }

  void refuse_report(const address& from, const any_message& m, const error& why, outbox& out) {
    ++refused_;
    refuse(from, m, why, out);
  }

  // Makes room at the cost of the role silent for longest, if one is silent.
  bool forget_silent(time_point now) {
    const auto oldest = std::min_element(roles_.begin(), roles_.end(),
                                         [](const auto& a, const auto& b) { return a.second.heard() < b.second.heard(); });
    if (oldest == roles_.end() || now - oldest->second.heard() < options_.silent_after) return false;
    silent_.erase(oldest->first);
    report_bytes_ -= oldest->second.last().bytes;
    roles_.erase(oldest);
    return true;
  }

  std::string document(time_point now) {
    json all{{"number", number_}, {"uptime_ms", milliseconds(now - started_)}, {"roles", json::array()}};
    for (const auto& [where, role] : roles_) {
      const duration age = now - role.heard();
      all["roles"].push_back({{"node", where.node},
                              {"role", where.role},
                              {"pid", role.last().process_id},
                              {"uptime_ms", role.last().uptime_ms},
                              {"age_ms", milliseconds(age)},
                              {"silent", age >= options_.silent_after},
                              {"stats", role.last().stats}});
    }
    std::string text = json_line(all);
    if (text.size() <= options_.max_document_bytes) return text;
    ++shortened_;
    shorten(all, text.size());
    return json_line(all);
  }

  void shorten(json& all, std::size_t bytes) const {
    constexpr std::size_t mark = sizeof(",\"shortened\":true") - 1;
    json& roles = all["roles"];
    const auto replace = [&](json& role, json stats) {
      bytes -= json_line(role["stats"]).size();
      bytes += json_line(stats).size() + (role.contains("shortened") ? 0 : mark);
      role["stats"] = std::move(stats);
      role["shortened"] = true;
    };
    for (json& role : roles) {
      if (bytes <= options_.max_document_bytes) return;
      json stats = role["stats"];
      if (stats.erase("links") > 0) replace(role, std::move(stats));
    }
    std::multimap<std::size_t, json*> by_size;
    for (json& role : roles) by_size.emplace(json_line(role["stats"]).size(), &role);
    for (auto it = by_size.rbegin(); it != by_size.rend() && bytes > options_.max_document_bytes; ++it) {
      if (it->first > mark + 2) replace(*it->second, json::object());
    }
    // Even the names are too many: the last ones go.
    while (!roles.empty() && json_line(all).size() > options_.max_document_bytes) roles.erase(roles.size() - 1);
  }

  stats_options options_;
  std::map<address, heard_role> roles_;
  std::set<address> silent_;   ///< told of, and not heard of since
  event_log events_;
  course course_;
  subscriptions consoles_;
  time_point started_;
  time_point now_;
  std::size_t report_bytes_ = 0;
  std::uint64_t number_ = 0;
  std::uint64_t reports_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t shortened_ = 0;
};

}  // namespace

result<std::unique_ptr<role_core>> make_stats(stats_options options) {
  if (options.max_roles == 0 || options.max_document_bytes < 256 || options.report_limits.bytes == 0 ||
      options.silent_after <= duration::zero() || options.forget_after <= options.silent_after ||
      options.subscriptions.window == 0 || options.subscriptions.page_bytes < 1024) {
    return error{errc::config,
                 "stats: max_roles of at least 1, max_document_bytes of at least 256, report bytes of at least 1, and "
                 "forget_after above silent_after above 0, a window of at least 1 and pages of at least 1024 bytes are right"};
  }
  return std::unique_ptr<role_core>(std::make_unique<stats_core>(std::move(options)));
}

}  // namespace freshet::actors

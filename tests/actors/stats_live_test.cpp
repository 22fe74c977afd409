// STATS and the consoles that follow it: the live document, merge patches, subscriptions.
#include "actors/stats/events.hpp"
#include "actors/stats/live_document.hpp"
#include "actors/stats/merge_patch.hpp"
#include "actors/stats/stats_core.hpp"
#include "kernels/base/rng.hpp"
#include "tests/support/fake_outbox.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace stats_live_test {

using namespace std::chrono_literals;
using nlohmann::json;
using test::fake_outbox;
using topology::address;
using topology::stats_delta;
using topology::stats_end;
using topology::stats_subscribe;
using topology::stats_taken;

const address console{"console-1", "console"};
const address device{"edge-1", "device"};
const address filter{"edge-1", "uplink_filter"};
const address intake{"cloud", "intake"};
const address distiller{"cloud", "distiller"};
time_point at(duration t) { return time_point{} + 100s + t; }

json random_object(rng& random, int depth) {
  json o = json::object();
  for (std::uint64_t n = random.below(6); n > 0; --n) {
    const std::string key(1, static_cast<char>('a' + random.below(8)));
    if (depth > 0 && random.chance(0.5))
      o[key] = random_object(random, depth - 1);
    else if (random.chance(0.3))
      o[key] = json::array({random.below(3), "x"});
    else
      o[key] = random.below(4);
  }
  return o;
}

TEST(merge_patch, makes_the_later_document_of_the_earlier_in_any_pieces) {
  rng random(5);
  for (int i = 0; i < 500; ++i) {
    const json before = random_object(random, 3);
    const json after = random_object(random, 3);
    const json patch = difference(before, after);
    json whole = before;
    whole.merge_patch(patch);
    ASSERT_EQ(whole, after) << before << after;
    EXPECT_EQ(patch.empty(), before == after);
    json piecewise = before;
    for (const std::string& page : pages(patch, 40)) piecewise.merge_patch(json::parse(page));
    ASSERT_EQ(piecewise, after) << before << after << patch;
  }
}

TEST(merge_patch, pages_hold_their_bound) {
  json patch = json::object();
  for (int i = 0; i < 300; ++i) patch["roles"]["edge-" + std::to_string(i)] = {{"kind", "device"}, {"n", i}};
  const auto texts = pages(patch, 1000);
  EXPECT_GE(texts.size(), 10U);
  for (const std::string& t : texts) EXPECT_LE(t.size(), 1000U);
  EXPECT_EQ(pages(json::object(), 1000), std::vector<std::string>{"{}"});
}

/// A STATS with a little topology, and what it says.
struct stats_fixture : ::testing::Test {
  stats_options options;
  std::unique_ptr<role_core> core;
  fake_outbox out;

  void begin() {
    options.expected = {{device, "device"}, {filter, "uplink_filter"}, {intake, "intake"}, {distiller, "distiller"}};
    core = std::move(*make_stats(options));
    core->start(at(0s), out);
  }
  void report(const address& who, const json& stats, duration when, std::uint32_t pid = 7,
              std::uint64_t uptime_ms = 0) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(when).count();
    core->handle(who,
                 topology::role_report{who.node, who.role, pid, uptime_ms ? uptime_ms : static_cast<std::uint64_t>(ms),
                                       stats.dump()},
                 at(when), out);
  }
  void subscribe(std::uint64_t id, duration when, const address& who = console) {
    core->handle(who, stats_subscribe{id, "live", 1000}, at(when), out);
  }
  void take(std::uint64_t id, std::uint64_t number, duration when, const address& who = console) {
    core->handle(who, stats_taken{id, number}, at(when), out);
  }
  std::vector<stats_delta> tick(duration when) {
    core->tick(at(when), out);
    return out.take<stats_delta>();
  }
  json fresh_document(duration when) {
    subscribe(++fresh_id, when, {"looker", "console"});
    json document = json::object();
    for (const auto& d : tick(when)) document.merge_patch(json::parse(d.json));
    core->handle({"looker", "console"}, stats_end{fresh_id, 0, ""}, at(when), out);
    return document;
  }
  std::uint64_t fresh_id = 1000;
};

json shell(std::uint64_t handled, const json& buckets = json::array(), double total_us = 0) {
  return {{"shell",
           {{"handled", handled},
            {"sent", handled * 2},
            {"mailbox", 3},
            {"restarts", 1},
            {"service", {{"buckets", buckets}, {"total_us", total_us}, {"max_us", 1e6}}}}}};
}

using live = stats_fixture;

TEST_F(live, names_every_role_of_the_topology_and_which_are_missing_or_silent) {
  begin();
  report(intake, shell(10), 1s);
  report(device, {{"phase", "fog"}}, 8s);
  const json roles = fresh_document(8500ms).at("roles");
  EXPECT_EQ(roles.at("cloud/intake").at("state"), "silent");
  EXPECT_EQ(roles.at("cloud/intake").at("silent_s"), 7);
  EXPECT_EQ(roles.at("edge-1/device").at("state"), "up");
  EXPECT_EQ(roles.at("edge-1/device").at("own").at("phase"), "fog");
  EXPECT_EQ(roles.at("cloud/distiller"), (json{{"kind", "distiller"}, {"state", "missing"}}));
}

TEST_F(live, follows_the_roster_of_control) {
  begin();
  report(intake, shell(10), 1s);
  const auto roster = [&](const address& from, const char* text) {
    core->handle(from, topology::operator_request{0, "roster", text}, at(2s), out);
  };
  roster({"cloud", "control"}, R"({"cloud/intake": "intake", "edge-9/device": "device"})");
  json roles = fresh_document(3s).at("roles");
  EXPECT_EQ(roles.at("edge-9/device").at("state"), "missing");
  EXPECT_EQ(roles.count("cloud/distiller"), 0U);
  roster({"edge-1", "device"}, "{}");   // nobody else says who there is
  roster({"cloud", "control"}, "[]");
  roster({"cloud", "control"}, R"({"nonsense": "device"})");
  EXPECT_EQ(fresh_document(4s).at("roles").count("edge-9/device"), 1U);
}

TEST_F(live, rates_and_distributions_are_those_of_the_last_seconds) {
  begin();
  // Ten slow seconds of 1 ms each, then ten of 100 messages a second that take little.
  for (int s = 1; s <= 10; ++s)
    report(intake, shell(static_cast<std::uint64_t>(s), {76, s}, 1000.0 * s), std::chrono::seconds(s));
  for (int s = 11; s <= 21; ++s) {
    const int n = (s - 10) * 100;
    report(intake, shell(static_cast<std::uint64_t>(10 + n), {36, n, 76, 10}, 10'000 + n * 1.0),
           std::chrono::seconds(s));
  }
  const json role = fresh_document(21s).at("roles").at("cloud/intake");
  EXPECT_EQ(role.at("in_per_s"), 100);
  EXPECT_EQ(role.at("out_per_s"), 200);
  EXPECT_EQ(role.at("mailbox"), 3);
  EXPECT_EQ(role.at("restarts"), 1);
  EXPECT_LT(role.at("service_p99_us"), 10) << "the slow ones lie behind the window";
  EXPECT_NEAR(role.at("busy").get<double>(), 1e-4, 2e-5);
}

TEST_F(live, a_new_life_is_not_measured_against_the_old_one) {
  begin();
  for (int s = 1; s <= 12; ++s) report(intake, shell(static_cast<std::uint64_t>(1000 * s)), std::chrono::seconds(s));
  report(intake, shell(5), 13s, 8, 500);
  EXPECT_FALSE(fresh_document(13s).at("roles").at("cloud/intake").contains("in_per_s"));
  report(intake, shell(15), 14s, 8, 1500);
  report(intake, shell(15), 19s, 8, 6500);
  EXPECT_NEAR(fresh_document(19s).at("roles").at("cloud/intake").at("in_per_s").get<double>(), 10.0 / 6, 0.01);
}

TEST_F(live, links_have_rates_of_their_senders_port_and_queues_of_their_sender) {
  begin();
  const auto port = [](std::uint64_t bytes) {
    return json{{"resident_bytes", 1000},
                {"cpu_ms", bytes / 10},
                {"edges",
                 {{{"from", "edge-1/uplink_filter"},
                   {"to", "cloud/intake"},
                   {"out_bytes", bytes},
                   {"out_messages", bytes / 100}},
                  {{"from", "edge-1/uplink_filter"}, {"to", "cloud/stats"}, {"out_bytes", bytes}},
                  {{"from", "cloud/intake"}, {"to", "edge-1/uplink_filter"}, {"in_bytes", bytes}}}}};
  };
  for (int s = 1; s <= 11; ++s)
    report({"edge-1", "port"}, port(static_cast<std::uint64_t>(s) * 1000), std::chrono::seconds(s));
  report(filter,
         {{"budget_bytes_per_sample", 400},
          {"links", {{{"peer", "cloud/intake"}, {"queued", 4}, {"in_flight", 2}, {"credit", 5}, {"alive", true}}}}},
         11s);
  report(device, {{"answers_per_second", 2.5}, {"answered", 100}, {"phase", "fog"}}, 11s);
  const json all = fresh_document(11s);
  EXPECT_EQ(all.at("links"),
            json::parse(R"({"edge-1/uplink_filter>cloud/intake":{"from":"edge-1/uplink_filter","to":"cloud/intake",
    "bytes":11000,"messages":110,"bytes_per_s":1000.0,"messages_per_s":10.0,"queued":4,"in_flight":2,"credit":5,"alive":true}})"));
  EXPECT_EQ(all.at("flow").at("uplink_filter>intake").at("queued"), 4);
  EXPECT_EQ(all.at("traffic").at("uplink_bytes_per_s"), 1000);
  EXPECT_EQ(all.at("traffic").at("uplink_bytes_per_sample"), 400);
  EXPECT_EQ(all.at("traffic").at("uplink_budget_bytes_per_sample"), 400);
  EXPECT_EQ(all.at("nodes").at("edge-1").at("cpu"), 0.1);
}

TEST_F(live, a_silent_role_and_its_links_have_no_rates) {
  begin();
  const auto port = [](int n) {
    const json edge{{"from", "edge-1/uplink_filter"}, {"to", "cloud/intake"}, {"out_bytes", n}, {"out_messages", n}};
    return json{{"edges", {edge}}, {"cpu_ms", n}};
  };
  for (int s = 1; s <= 11; ++s) {
    report({"edge-1", "port"}, port(s), std::chrono::seconds(s));
    report(filter, shell(static_cast<std::uint64_t>(s)), std::chrono::seconds(s));
  }
  const auto filter_of = [](const json& all) { return all.at("roles").at("edge-1/uplink_filter"); };
  const auto link_of = [](const json& all) { return all.at("links").at("edge-1/uplink_filter>cloud/intake"); };
  const json before = fresh_document(11s);
  EXPECT_EQ(filter_of(before).at("in_per_s"), 1);
  EXPECT_EQ(link_of(before).at("bytes_per_s"), 1);
  const json after = fresh_document(17s);
  EXPECT_EQ(filter_of(after).at("state"), "silent");
  EXPECT_EQ(filter_of(after).at("restarts"), 1);
  EXPECT_FALSE(filter_of(after).contains("in_per_s"));
  EXPECT_FALSE(link_of(after).contains("bytes_per_s"));
  EXPECT_EQ(link_of(after).at("bytes"), 11);
}

TEST_F(live, accuracy_is_kept_along_time_beside_the_twin) {
  begin();
  for (int s = 1; s <= 20; ++s) {
    report(device,
           {{"phase", s < 11 ? "clean" : "fog"},
            {"window_scored", 200},
            {"window_correct", 150 + s},
            {"twin", true},
            {"window_twin_correct", 100}},
           std::chrono::seconds(s));
    tick(std::chrono::seconds(s));
  }
  const json all = fresh_document(20s);
  EXPECT_EQ(all.at("fleet").at("accuracy"), 0.85);
  EXPECT_EQ(all.at("fleet").at("twin_accuracy"), 0.5);
  ASSERT_EQ(all.at("course").size(), 10U);
  EXPECT_EQ(all.at("course").at("1"), (json{{"t_s", 1}, {"adapting", 0.755}, {"frozen", 0.5}, {"phase", "clean"}}));
  EXPECT_EQ(all.at("course").at("10").at("phase"), "fog");
}

TEST_F(live, events_are_what_reports_tell) {
  begin();
  report(device, {{"phase", "clean"}, {"updates_refused", 0}}, 1s);
  report(distiller, {{"version", 4}, {"loss", 0.5}}, 1s);
  report(device, {{"phase", "fog"}, {"updates_refused", 2}}, 2s);
  report(distiller, {{"version", 5}, {"loss", 0.25}}, 2s);
  report(distiller, {{"version", 5}}, 3s, 9, 100);
  tick(9s);
  report(device, {{"phase", "fog"}, {"updates_refused", 2}}, 10s);
  const json events = fresh_document(10s).at("events");
  std::vector<std::string> texts;
  for (std::size_t i = 1; i <= events.size(); ++i) {
    const json& e = events.at(std::to_string(i));
    texts.push_back(e.at("where").get<std::string>() + ": " + e.at("text").get<std::string>());
  }
  EXPECT_EQ(texts,
            (std::vector<std::string>{
                "edge-1/device: joined", "edge-1/device: phase clean → fog", "edge-1/device: 2 updates refused",
                "cloud/distiller: version 5 committed, loss 0.250", "cloud/distiller: is back in another process, 9",
                "cloud/distiller: is silent", "edge-1/device: is silent", "edge-1/device: is heard again"}));
}

TEST(events, are_bounded) {
  event_log log;
  for (std::size_t i = 0; i < event_log::most_events + 50; ++i)
    log.add(event_level::info, "n/r", std::to_string(i), 1s);
  EXPECT_EQ(log.document().size(), event_log::most_events);
  EXPECT_TRUE(log.document().contains("250"));
  EXPECT_FALSE(log.document().contains("50"));
}

// --- subscriptions ------------------------------------------------------------------------------

using following = stats_fixture;

TEST_F(following, is_a_snapshot_and_then_what_changes_in_numbers_without_a_gap) {
  begin();
  rng random(3);
  json seen = json::object();
  std::uint64_t expected = 0;
  subscribe(42, 0s);
  std::size_t last = 0;
  for (int tenth = 1; tenth <= 300; ++tenth) {
    const duration when = tenth * 100ms;
    if (tenth % 10 == 3) report(intake, shell(static_cast<std::uint64_t>(tenth)), when);
    if (tenth % 10 == 7) report(device, {{"phase", random.chance(0.2) ? "fog" : "clean"}, {"answered", tenth}}, when);
    for (const auto& d : tick(when)) {
      ASSERT_EQ(d.subscription, 42U);
      ASSERT_EQ(d.number, ++expected);
      EXPECT_TRUE(d.complete);
      seen.merge_patch(json::parse(d.json));
      take(42, d.number, when);
      last = d.json.size();
    }
  }
  EXPECT_GE(expected, 29U);
  EXPECT_LE(expected, 31U);
  EXPECT_EQ(seen, fresh_document(30s));
  EXPECT_LT(last * 2, seen.dump().size());
}

TEST_F(following, a_large_document_comes_in_pages) {
  options.subscriptions.page_bytes = 1024;
  begin();
  for (int i = 0; i < 20; ++i) report({"n" + std::to_string(i), "device"}, shell(5), 1s);
  subscribe(1, 1s);
  const auto deltas = tick(1100ms);
  ASSERT_GT(deltas.size(), 3U);
  for (std::size_t i = 0; i < deltas.size(); ++i) {
    EXPECT_LE(deltas[i].json.size(), 1024U);
    EXPECT_EQ(deltas[i].number, i + 1);
    EXPECT_EQ(deltas[i].complete, i + 1 == deltas.size());
  }
}

TEST_F(following, who_does_not_keep_up_is_sent_no_more_and_then_told_and_cut_off) {
  begin();
  const address slow{"slow", "console"};
  subscribe(1, 0s);
  subscribe(2, 0s, slow);
  std::uint64_t to_slow = 0, to_quick = 0;
  std::optional<stats_end> end;
  duration ended{};
  for (int tenth = 1; tenth <= 80; ++tenth) {
    const duration when = tenth * 100ms;
    core->tick(at(when), out);
    for (auto& sent : out.messages) {
      if (auto* d = std::get_if<stats_delta>(&sent.message)) {
        if (sent.to == slow)
          ++to_slow;
        else
          take(1, d->number, when), ++to_quick;
      }
      if (auto* e = std::get_if<stats_end>(&sent.message); e && !end) {
        EXPECT_EQ(sent.to, slow);
        end = *e;
        ended = when;
      }
    }
    out.messages.clear();
  }
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->code, static_cast<std::uint8_t>(errc::overloaded));
  EXPECT_EQ(end->subscription, 2U);
  EXPECT_GE(ended, 5s);
  EXPECT_LE(ended, 5300ms);
  EXPECT_GE(to_quick, 8U) << "one that lags holds up nobody else";
  EXPECT_LE(to_slow, 6U);
  EXPECT_EQ(json::parse(core->stats_json()).at("consoles"), 1);
  EXPECT_EQ(json::parse(core->stats_json()).at("consoles_cut_off"), 1);
  // What it says afterwards is answered, so that it begins anew.
  take(2, to_slow, 9s, slow);
  EXPECT_EQ(out.take<stats_end>().at(0).code, static_cast<std::uint8_t>(errc::not_found));
}

TEST_F(following, never_more_on_the_way_than_the_window) {
  options.subscriptions.window = 3;
  options.subscriptions.lag_after = 1h;
  options.subscriptions.forget_after = 1h;
  begin();
  subscribe(1, 0s);
  std::size_t sent = 0;
  json seen = json::object();
  for (int s = 1; s <= 20; ++s) {
    report(intake, shell(static_cast<std::uint64_t>(s)), std::chrono::seconds(s));
    for (const auto& d : tick(std::chrono::seconds(s))) ++sent, seen.merge_patch(json::parse(d.json));
  }
  EXPECT_EQ(sent, 3U);
  take(1, 4, 20s);  // a number that was never sent acknowledges nothing
  EXPECT_TRUE(tick(21s).empty());
  take(1, 3, 21s);
  for (const auto& d : tick(22s)) {
    EXPECT_EQ(d.number, 4U);
    seen.merge_patch(json::parse(d.json));
  }
  EXPECT_EQ(seen, fresh_document(22s)) << "one delta makes up for all that was not sent";
}

TEST_F(following, a_console_that_is_gone_is_forgotten_and_a_number_of_them_is_enough) {
  options.subscriptions.most = 3;
  begin();
  for (int i = 0; i < 4; ++i) subscribe(static_cast<std::uint64_t>(i) + 1, 0s, {"c" + std::to_string(i), "console"});
  const auto refused = out.take<stats_end>();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].code, static_cast<std::uint8_t>(errc::overloaded));
  EXPECT_EQ(tick(100ms).size(), 3U);
  core->handle({"c0", "console"}, stats_end{1, 0, ""}, at(1s), out);
  subscribe(9, 1s);
  EXPECT_EQ(out.count<stats_end>(), 0U);
  EXPECT_EQ(json::parse(core->stats_json()).at("consoles"), 3);
  tick(20s);
  EXPECT_EQ(json::parse(core->stats_json()).at("consoles"), 0);
}

TEST_F(following, says_no_to_what_it_does_not_know_and_good_bye_at_the_end) {
  begin();
  core->handle(console, stats_subscribe{5, "weather", 0}, at(0s), out);
  EXPECT_EQ(out.take<stats_end>().at(0).code, static_cast<std::uint8_t>(errc::unsupported));
  subscribe(6, 0s);
  subscribe(6, 0s);  // said again: nothing new
  EXPECT_EQ(tick(100ms).size(), 1U);
  subscribe(7, 1s);  // a new one ends the former
  EXPECT_EQ(tick(1100ms).at(0).number, 1U);
  core->stop(at(2s), out);
  EXPECT_EQ(out.take<stats_end>().at(0).subscription, 7U);
}

}  // namespace stats_live_test
}  // namespace freshet::actors

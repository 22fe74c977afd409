// Both ends of a subscription over a network that loses words, and the follower alone.
#include "tools/freshet/console/live_follower.hpp"

#include "actors/stats/stats_core.hpp"
#include "kernels/base/rng.hpp"
#include "tests/support/fake_outbox.hpp"

#include <deque>

#include <gtest/gtest.h>

namespace freshet::cli {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using topology::any_message;
using topology::stats_delta;
using topology::stats_end;
using topology::stats_subscribe;
using topology::stats_taken;

time_point at(duration t) { return time_point{} + 50s + t; }

std::function<std::uint64_t()> counting_from(std::uint64_t n) {
  return [n]() mutable { return n++; };
}

template <class T>
std::vector<T> only(const std::vector<any_message>& all) {
  std::vector<T> out;
  for (const auto& m : all)
    if (const auto* t = std::get_if<T>(&m)) out.push_back(*t);
  return out;
}

/// Follows, and keeps the document that the changes make.
struct reader {
  live_follower follower{1000, counting_from(100)};
  json document;
  std::vector<std::string> losses;
  int snapshots = 0;
  void read() {
    for (auto& c : follower.take_changes()) {
      if (c.what == live_change::kind::lost) {
        losses.push_back(c.why);
      } else if (c.what == live_change::kind::snapshot) {
        document = c.content;
        ++snapshots;
      } else {
        document.merge_patch(c.content);
      }
    }
  }
};

TEST(live_follower, asks_takes_a_snapshot_in_pages_and_acknowledges) {
  reader r;
  r.follower.tick(at(0s));
  EXPECT_EQ(only<stats_subscribe>(r.follower.take_outgoing()).at(0).subscription, 100U);
  r.follower.tick(at(900ms));
  EXPECT_TRUE(r.follower.take_outgoing().empty());
  r.follower.tick(at(1s));  // the word may have been lost
  EXPECT_EQ(only<stats_subscribe>(r.follower.take_outgoing()).at(0).subscription, 100U);
  r.follower.receive(stats_delta{100, 1, false, R"({"roles":{"a":{"n":1}}})"}, at(1100ms));
  r.read();
  EXPECT_FALSE(r.follower.attached());
  r.follower.receive(stats_delta{100, 2, true, R"({"roles":{"b":{"n":2}},"x":3})"}, at(1100ms));
  r.read();
  EXPECT_TRUE(r.follower.attached());
  EXPECT_EQ(r.document, json::parse(R"({"roles":{"a":{"n":1},"b":{"n":2}},"x":3})"));
  const auto taken = only<stats_taken>(r.follower.take_outgoing());
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].number, 2U);
  r.follower.receive(stats_delta{100, 3, false, R"({"roles":{"a":null}})"}, at(2s));
  r.follower.receive(stats_delta{100, 4, true, R"({"roles":{"c":{"n":5}}})"}, at(2s));
  r.read();
  EXPECT_EQ(r.document, json::parse(R"({"roles":{"b":{"n":2},"c":{"n":5}},"x":3})"));
  EXPECT_TRUE(r.losses.empty());
  EXPECT_TRUE(r.follower.take_outgoing().empty());
  r.follower.receive(stats_delta{100, 5, true, "{}"}, at(2100ms));
  r.follower.receive(stats_delta{100, 6, true, "{}"}, at(2200ms));
  EXPECT_EQ(only<stats_taken>(r.follower.take_outgoing()).at(0).number, 6U);  // the fourth
  r.follower.receive(stats_delta{100, 7, true, "{}"}, at(3200ms));
  r.follower.tick(at(4100ms));
  EXPECT_TRUE(r.follower.take_outgoing().empty());
  r.follower.tick(at(4200ms));
  EXPECT_EQ(only<stats_taken>(r.follower.take_outgoing()).at(0).number, 7U);
}

TEST(live_follower, begins_anew_after_a_gap_a_silence_an_end_and_nonsense) {
  reader r;
  const auto attach = [&](std::uint64_t id, duration when) {
    r.follower.tick(at(when));
    EXPECT_EQ(only<stats_subscribe>(r.follower.take_outgoing()).at(0).subscription, id);
    r.follower.receive(stats_delta{id, 1, true, "{}"}, at(when));
    r.read();
    EXPECT_TRUE(r.follower.attached());
    (void)r.follower.take_outgoing();
  };
  attach(100, 0s);
  r.follower.receive(stats_delta{100, 3, true, "{}"}, at(1s));
  EXPECT_FALSE(r.follower.attached());
  attach(101, 1s);
  r.follower.receive(stats_delta{100, 2, true, R"({"former":1})"}, at(1s));  // of the former subscription
  r.follower.tick(at(6s));
  EXPECT_EQ(only<stats_subscribe>(r.follower.take_outgoing()).at(0).subscription, 102U);
  r.follower.receive(stats_delta{102, 1, true, "{}"}, at(6s));
  r.follower.receive(stats_end{102, static_cast<std::uint8_t>(errc::not_found), "subscription 102"}, at(7s));
  attach(103, 7s);
  r.follower.receive(stats_end{103, static_cast<std::uint8_t>(errc::overloaded), "too slow"}, at(8s));
  r.follower.tick(at(9s));
  EXPECT_TRUE(r.follower.take_outgoing().empty()) << "who was refused waits";
  attach(104, 10s);
  r.follower.receive(stats_delta{104, 2, true, "{\"a\":"}, at(11s));
  r.read();
  ASSERT_EQ(r.losses.size(), 5U);
  EXPECT_NE(r.losses[0].find("delta 2 was lost"), std::string::npos) << r.losses[0];
  EXPECT_NE(r.losses[1].find("nothing was heard"), std::string::npos) << r.losses[1];
  EXPECT_NE(r.losses[3].find("too slow"), std::string::npos) << r.losses[3];
  EXPECT_FALSE(r.document.contains("former"));
}

TEST(live_follower, nobody_there_is_no_loss_and_an_old_daemon_is_named) {
  reader r;
  for (int s = 0; s < 30; ++s) r.follower.tick(at(std::chrono::seconds(s)));
  r.read();
  EXPECT_TRUE(r.losses.empty());
  EXPECT_GE(only<stats_subscribe>(r.follower.take_outgoing()).size(), 25U);
  r.follower.receive(topology::error_reply{6, "unknown type", 40}, at(30s));
  r.read();
  ASSERT_EQ(r.losses.size(), 1U);
  EXPECT_NE(r.losses[0].find("older"), std::string::npos);
}

TEST(live_follower, ends_up_with_the_document_of_stats_over_a_network_that_loses) {
  for (const double loss : {0.0, 0.33, 0.66}) {
    rng random(11);
    actors::stats_options options;
    auto core = std::move(*actors::make_stats(options));
    test::fake_outbox out;
    core->start(at(0s), out);
    reader r;
    const topology::address me{"console-7", "console"};
    const auto turn = [&](duration when, bool losing) {
      const auto lost = [&] { return losing && random.chance(loss); };
      r.follower.tick(at(when));
      for (const auto& m : r.follower.take_outgoing())
        if (!lost()) core->handle(me, m, at(when), out);
      core->tick(at(when), out);
      for (auto& sent : out.messages)
        if (sent.to == me && !lost()) r.follower.receive(sent.message, at(when));
      out.messages.clear();
      r.read();
    };
    for (int tenth = 1; tenth <= 1200; ++tenth) {
      const duration when = tenth * 100ms;
      const std::string node = "edge-" + std::to_string(random.below(12));
      core->handle({node, "device"},
                   topology::role_report{node, "device", 5, static_cast<std::uint64_t>(tenth) * 100,
                                         json{{"phase", "fog"}, {"answered", tenth}}.dump()},
                   at(when), out);
      turn(when, true);
    }
    // Calm again: what is shown is what is.
    for (int tenth = 1201; tenth <= 1300; ++tenth) turn(tenth * 100ms, false);
    EXPECT_TRUE(r.follower.attached());
    EXPECT_EQ(r.document.at("uptime_s"), 130) << loss;
    EXPECT_EQ(r.document.at("roles").size(), 12U);
    const json all = json::parse([&] {
      core->handle(me, topology::stats_request{"all"}, at(130s), out);
      return out.take<topology::stats_snapshot>().at(0).json;
    }());
    for (const json& role : all.at("roles"))
      EXPECT_EQ(r.document.at("roles").at(role.at("node").get<std::string>() + "/device").at("own").at("answered"),
                role.at("stats").at("answered"));
    if (loss == 0.0) {
      EXPECT_EQ(r.snapshots, 1);
    } else {
      EXPECT_GT(r.snapshots, 1);
    }
  }
}

TEST(live_follower, leaves_with_a_word) {
  live_follower f(0, counting_from(5));
  f.tick(at(0s));
  (void)f.take_outgoing();
  f.leave();
  EXPECT_EQ(only<stats_end>(f.take_outgoing()).at(0).subscription, 5U);
}

}  // namespace
}  // namespace freshet::cli

#include "actors/rt/role_actor.hpp"

#include <set>
#include <stdexcept>

#include <caf/scoped_actor.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/det_system.hpp"
#include "tests/support/test_cores.hpp"

namespace freshet::rt {
namespace {

using namespace std::chrono_literals;
using testing::counting;
using testing::shared_log;

class role_shell : public testing::det_system {
 protected:
  actors::role_handle role(const std::string& node, const std::string& name, core_factory make,
                           std::optional<topology::address> stats = std::nullopt) {
    if (ports_.count(node) == 0) ports_[node] = port_of(node);
    role_setup s;
    s.engine.self = {node, name};
    s.engine.life = epoch{++life_};
    s.engine.stats = std::move(stats);
    s.make_core = std::move(make);
    s.port = ports_[node];
    return track(spawn_role(engine, s, placement::own_thread));
  }

  /// Asks as any actor would, and lets only that many turns pass.
  std::string stats_of(const actors::role_handle& h) {
    caf::scoped_actor self(engine.actors());
    self->send(h, actors::get_stats{});
    dispatch_all();
    std::string text;
    self->receive([&](std::string& t) { text = std::move(t); });
    return text;
  }

 private:
  std::map<std::string, actors::port_handle> ports_;
  std::uint64_t life_ = 0;
};

TEST_F(role_shell, carries_sequenced_messages_in_order_and_once_over_a_lossy_hub_in_any_order_of_turns) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    rng order(seed);
    rng loss = order.split("loss");
    shared_hub->loses = [&](const topology::parcel&) { return loss.chance(0.33); };
    const std::string near = "near" + std::to_string(seed), far = "far" + std::to_string(seed);
    auto seen = std::make_shared<shared_log>(), answers = std::make_shared<shared_log>();
    role(far, "echo", testing::make_echo(seen));
    role(near, "source", testing::make_source({far, "echo"}, 60, answers));
    for (int i = 0; i < 600 && answers->size() < 60; ++i) advance(order, 1s, 50ms);
    EXPECT_EQ(seen->all(), counting(1, 60)) << "seed " << seed;
    EXPECT_EQ(answers->all(), counting(1, 60)) << "seed " << seed;
  }
}

// Work in slices: what arrives during one is handled before the next, not after all of the work.
TEST_F(role_shell, looks_at_its_mailbox_between_two_slices) {
  struct busy_core : testing::quiet_core {
    std::shared_ptr<std::vector<std::string>> diary;
    std::function<void()> meanwhile;   ///< something happens outside, during the second slice
    int left = 5;
    void handle(const topology::address&, const topology::any_message&, time_point, actors::outbox&) override {
      diary->push_back("handled");
    }
    bool work(time_point, actors::outbox&) override {
      if (left == 0) return false;
      if (left == 4) meanwhile();
      diary->push_back("slice");
      return --left > 0;
    }
  };
  auto diary = std::make_shared<std::vector<std::string>>();
  actors::role_handle busy;
  auto post = [&] {
    topology::parcel p;
    p.head.from = {"n", "other"};
    p.head.to = {"n", "busy"};
    p.head.life = epoch{99};
    p.body = topology::stats_request{"all"};
    caf::anon_send(busy, actors::deliver{{p}, now()});
  };
  busy = role("n", "busy", [&, diary] {
    auto c = std::make_unique<busy_core>();
    c->diary = diary;
    c->meanwhile = post;
    return c;
  });
  dispatch_all();
  EXPECT_EQ(*diary, (std::vector<std::string>{"slice", "slice", "handled", "slice", "slice", "slice"}));
}

TEST_F(role_shell, ticks_every_period_and_sooner_when_asked) {
  struct clock_core : testing::quiet_core {
    std::shared_ptr<std::vector<time_point>> ticks;
    void start(time_point, actors::outbox& out) override { out.wake_after(30ms); }
    void tick(time_point now, actors::outbox&) override { ticks->push_back(now); }
  };
  auto ticks = std::make_shared<std::vector<time_point>>();
  const auto begin = now();
  role("n", "clock", [=] {
    auto c = std::make_unique<clock_core>();
    c->ticks = ticks;
    return c;
  });
  dispatch_all();
  advance(1s);
  ASSERT_GE(ticks->size(), 9u);
  EXPECT_EQ(ticks->front() - begin, duration(30ms));
  for (std::size_t i = 1; i < ticks->size(); ++i) EXPECT_EQ((*ticks)[i] - (*ticks)[i - 1], duration(100ms));
}

TEST_F(role_shell, ends_when_its_core_throws_and_takes_nobody_with_it) {
  struct throwing_core : testing::quiet_core {
    void handle(const topology::address&, const topology::any_message& m, time_point, actors::outbox&) override {
      if (std::holds_alternative<topology::pace>(m)) throw std::runtime_error("bad weather");
    }
  };
  auto answers = std::make_shared<shared_log>();
  role("far", "echo", testing::make_echo());
  role("far", "brittle", [] { return std::make_unique<throwing_core>(); });
  role("near", "to_echo", testing::make_source({"far", "echo"}, 20, answers));
  role("near", "to_brittle", testing::make_source({"far", "brittle"}, 20, std::make_shared<shared_log>()));
  dispatch_all();
  advance(500ms);
  const auto alive = engine.alive()->names();
  const std::set<std::string> names(alive.begin(), alive.end());
  EXPECT_EQ(names.count("far/brittle"), 0u);
  EXPECT_EQ(names.count("far/echo"), 1u);
  EXPECT_EQ(answers->all(), counting(1, 20));
}

TEST_F(role_shell, reports_core_shell_and_links_once_a_second_when_configured) {
  struct stats_core : testing::quiet_core {
    std::shared_ptr<std::vector<topology::role_report>> reports;
    void handle(const topology::address&, const topology::any_message& m, time_point, actors::outbox&) override {
      if (const auto* r = std::get_if<topology::role_report>(&m)) reports->push_back(*r);
    }
  };
  auto reports = std::make_shared<std::vector<topology::role_report>>();
  role("cloud", "stats", [=] {
    auto c = std::make_unique<stats_core>();
    c->reports = reports;
    return c;
  });
  const topology::address stats{"cloud", "stats"};
  auto answers = std::make_shared<shared_log>();
  role("n", "echo", testing::make_echo(), stats);
  role("m", "source", testing::make_source({"n", "echo"}, 40, answers));
  dispatch_all();
  advance(3500ms, 10ms);
  ASSERT_EQ(answers->all(), counting(1, 40));
  ASSERT_EQ(reports->size(), 3u);
  const auto& last = reports->back();
  EXPECT_EQ(last.node, "n");
  EXPECT_EQ(last.role, "echo");
  EXPECT_EQ(last.uptime_ms, 3000u);
  const auto j = nlohmann::json::parse(last.json);
  EXPECT_EQ(j["quiet"], true);
  EXPECT_EQ(j["shell"]["handled"], 40);
  EXPECT_EQ(j["shell"]["service"]["count"], 40);
  ASSERT_EQ(j["links"].size(), 1u);
  EXPECT_EQ(j["links"][0]["peer"], "m/source");
  EXPECT_EQ(j["links"][0]["delivered"], 40);
  EXPECT_EQ(j["links"][0]["acknowledged"], 40);
}

TEST_F(role_shell, a_core_with_unreadable_stats_still_gets_its_shell_reported) {
  struct odd_core : testing::quiet_core {
    [[nodiscard]] std::string stats_json() const override { return "{not json"; }
  };
  auto h = role("n", "odd", [] { return std::make_unique<odd_core>(); });
  dispatch_all();
  const auto j = nlohmann::json::parse(stats_of(h));
  EXPECT_EQ(j["core_stats_unreadable"], true);
  EXPECT_TRUE(j["shell"].is_object());
}

TEST_F(role_shell, a_stop_lets_the_core_say_its_last_words) {
  struct polite_core : testing::quiet_core {
    void stop(time_point, actors::outbox& out) override { out.send({"n", "listener"}, topology::stats_snapshot{7, "bye"}); }
  };
  struct listener_core : testing::quiet_core {
    std::shared_ptr<shared_log> heard;
    void handle(const topology::address&, const topology::any_message& m, time_point, actors::outbox&) override {
      if (const auto* s = std::get_if<topology::stats_snapshot>(&m)) heard->add(s->number);
    }
  };
  auto heard = std::make_shared<shared_log>();
  role("n", "listener", [=] {
    auto c = std::make_unique<listener_core>();
    c->heard = heard;
    return c;
  });
  auto h = role("n", "polite", [] { return std::make_unique<polite_core>(); });
  dispatch_all();
  caf::anon_send(h, actors::stop{});
  dispatch_all();
  EXPECT_EQ(heard->all(), std::vector<std::uint64_t>{7});
  const auto alive = engine.alive()->names();
  EXPECT_EQ(std::count(alive.begin(), alive.end(), "n/polite"), 0);
}

TEST(draw_life, never_repeats_and_is_never_zero) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(draw_life().value);
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_EQ(seen.count(0), 0u);
}

}  // namespace
}  // namespace freshet::rt

#include "actors/rt/supervisor.hpp"

#include <stdexcept>

#include "actors/rt/role_actor.hpp"
#include "tests/support/det_system.hpp"
#include "tests/support/test_cores.hpp"

namespace freshet::rt {
namespace {

using namespace std::chrono_literals;

// A child is a role whose core fails when it is told to.
struct frail_core : testing::quiet_core {
  std::shared_ptr<bool> fail;
  std::shared_ptr<int> stopped;
  void tick(time_point, actors::outbox&) override {
    if (*fail) throw std::runtime_error("told to");
  }
  void stop(time_point, actors::outbox&) override { ++*stopped; }
};

class supervisor : public testing::det_system {
 protected:
  child_spec child(const std::string& name, std::shared_ptr<bool> fail, restart_limits limits = {}) {
    return {name,
            [this, name, fail](std::uint64_t restarts) {
              ++starts[name];
              role_setup s;
              s.engine.self = {"n", name};
              s.engine.life = epoch{100 + restarts};
              s.make_core = [fail, stopped = stopped] {
                auto c = std::make_unique<frail_core>();
                c->fail = fail;
                c->stopped = stopped;
                return c;
              };
              s.port = port;
              return track(spawn_role(engine, s, placement::own_thread));
            },
            limits};
  }

  void supervise(std::vector<child_spec> children) {
    std::vector<std::string> names;
    for (const auto& c : children) names.push_back(c.name);
    board = std::make_shared<supervision_board>(names);
    supervisor_setup s;
    s.name = "n";
    s.children = std::move(children);
    s.board = board;
    s.on_give_up = [this](const std::string& c, const std::string&) { given_up.push_back(c); };
    handle = track(spawn_supervisor(engine, s));
    dispatch_all();
  }

  actors::port_handle port = port_of("n");
  std::shared_ptr<supervision_board> board;
  actors::supervisor_handle handle;
  std::map<std::string, int> starts;
  std::vector<std::string> given_up;
  std::shared_ptr<int> stopped = std::make_shared<int>(0);
};

TEST_F(supervisor, starts_a_failed_child_after_its_back_off_and_leaves_the_others_alone) {
  auto bad = std::make_shared<bool>(false), good = std::make_shared<bool>(false);
  supervise({child("bad", bad), child("good", good)});
  advance(250ms);
  EXPECT_EQ(starts["bad"], 1);
  *bad = true;
  advance(100ms);  // one tick: it fails
  EXPECT_EQ(board->snapshot()[0].state, child_state::backing_off);
  EXPECT_NE(board->snapshot()[0].last_failure.find("told to"), std::string::npos);
  *bad = false;
  advance(30ms);
  EXPECT_EQ(starts["bad"], 1);
  advance(100ms);
  EXPECT_EQ(starts["bad"], 2);
  EXPECT_EQ(board->snapshot()[0].state, child_state::running);
  EXPECT_EQ(board->snapshot()[0].restarts, 1u);
  EXPECT_EQ(starts["good"], 1);
}

TEST_F(supervisor, gives_up_a_child_that_fails_too_often_and_says_so) {
  auto bad = std::make_shared<bool>(true), good = std::make_shared<bool>(false);
  restart_limits three;
  three.restarts = 3;
  supervise({child("bad", bad, three), child("good", good)});
  advance(5s, 10ms);
  EXPECT_EQ(starts["bad"], 4);
  EXPECT_EQ(board->snapshot()[0].state, child_state::given_up);
  EXPECT_EQ(given_up, std::vector<std::string>{"bad"});
  EXPECT_EQ(starts["good"], 1);
  EXPECT_EQ(board->snapshot()[1].state, child_state::running);
}

TEST_F(supervisor, stops_children_in_order_and_ends_itself) {
  auto a = std::make_shared<bool>(false), b = std::make_shared<bool>(true);
  supervise({child("a", a), child("b", b)});
  advance(110ms);  // b has failed and is backing off
  caf::anon_send(handle, actors::stop_children{false});
  dispatch_all();
  EXPECT_EQ(*stopped, 1);
  EXPECT_TRUE(board->wait_until_all_ended(0ms));
  EXPECT_EQ(board->snapshot()[1].state, child_state::stopped);
  advance(1s, 10ms);
  EXPECT_EQ(starts["b"], 1);  // the restart that was due does not happen
  const auto left = engine.alive()->names();
  EXPECT_EQ(std::count(left.begin(), left.end(), "n/supervisor"), 0);
}

TEST_F(supervisor, takes_children_in_and_lets_them_go_while_it_runs) {
  auto a = std::make_shared<bool>(false), b = std::make_shared<bool>(false);
  supervise({child("a", a)});
  caf::anon_send(handle, actors::add_child{std::make_shared<const child_spec>(child("b", b))});
  dispatch_all();
  EXPECT_EQ(starts["b"], 1);
  EXPECT_TRUE(board->wait_until_started("b", 0ms));
  caf::anon_send(handle, actors::end_child{"a", false});
  dispatch_all();
  EXPECT_EQ(*stopped, 1);
  EXPECT_TRUE(board->wait_until_ended("a", 0ms));
  EXPECT_FALSE(board->wait_until_ended("b", 0ms));
  advance(1s, 10ms);
  EXPECT_EQ(starts["a"], 1);   // ended for good

  // Another one under the same name; killed, it is not taken for a failure.
  caf::anon_send(handle, actors::add_child{std::make_shared<const child_spec>(child("a", a))});
  dispatch_all();
  EXPECT_EQ(starts["a"], 2);
  EXPECT_EQ(board->snapshot()[0].state, child_state::running);
  caf::anon_send(handle, actors::end_child{"a", true});
  dispatch_all();
  advance(1s, 10ms);
  EXPECT_EQ(board->snapshot()[0].state, child_state::stopped);
  EXPECT_EQ(starts["a"], 2);

  // One that backs off is let go too.
  *b = true;
  advance(110ms);
  EXPECT_EQ(board->snapshot()[1].state, child_state::backing_off);
  caf::anon_send(handle, actors::end_child{"b", false});
  dispatch_all();
  advance(1s, 10ms);
  EXPECT_EQ(starts["b"], 1);
  EXPECT_EQ(board->snapshot()[1].state, child_state::stopped);
}

TEST_F(supervisor, a_child_whose_factory_throws_is_a_failed_child) {
  auto spec = child("x", std::make_shared<bool>(false));
  auto made = std::make_shared<int>(0);
  spec.start = [this, made](std::uint64_t) {
    role_setup s;
    s.engine.self = {"n", "x"};
    s.engine.life = epoch{1};
    s.make_core = [made]() -> std::unique_ptr<actors::role_core> {
      if (++*made == 1) throw std::runtime_error("no model yet");
      return std::make_unique<testing::quiet_core>();
    };
    s.port = port;
    return track(spawn_role(engine, s, placement::shared));
  };
  supervise({spec});
  advance(1s, 10ms);
  EXPECT_EQ(*made, 2);
  EXPECT_EQ(board->snapshot()[0].state, child_state::running);
  EXPECT_NE(board->snapshot()[0].last_failure.find("no model yet"), std::string::npos);
}

TEST_F(supervisor, passes_a_question_for_a_sign_of_life_on_to_every_child_that_runs) {
  auto bad = std::make_shared<bool>(false), good = std::make_shared<bool>(false);
  supervise({child("bad", bad), child("good", good)});
  EXPECT_FALSE(board->snapshot()[0].answered) << "nobody has asked yet";
  caf::anon_send(handle, actors::get_stats{});
  dispatch_all();
  const auto first = board->snapshot();
  ASSERT_TRUE(first[0].answered && first[1].answered);
  *bad = true;
  advance(110ms);
  *bad = false;
  advance(200ms);
  EXPECT_EQ(board->snapshot()[0].state, child_state::running);
  EXPECT_FALSE(board->snapshot()[0].answered) << "its new life has said nothing yet";
  caf::anon_send(handle, actors::get_stats{});
  dispatch_all();
  EXPECT_GT(*board->snapshot()[0].answered, *first[0].answered);
  EXPECT_GT(*board->snapshot()[1].answered, *first[1].answered);
}

}  // namespace
}  // namespace freshet::rt

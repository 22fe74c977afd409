// A node that changes while it runs, with cores and makers of the test in place of models.
#include "actors/assembly/node_host.hpp"

#include <atomic>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "actors/assembly/settling.hpp"
#include "actors/port/zmq_transport.hpp"
#include "actors/rt/latch.hpp"
#include "actors/rt/system.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test_cores.hpp"
#include "topology/graph/load.hpp"

namespace freshet::actors {
namespace {

using namespace std::chrono_literals;
using testing::quiet_core;
using topology::change_step;

TEST(settling, waits_for_every_answer_and_then_for_its_time) {
  settling s({"a", "b"}, 2s);
  std::vector<rt::child_health> all(3);
  all[0].name = "a";
  all[1].name = "b";
  all[2].name = "stranger";
  all[2].state = rt::child_state::given_up;
  EXPECT_FALSE(s.look(all, time_point{1s}).value());
  all[0].answered = time_point{1s};
  EXPECT_FALSE(s.look(all, time_point{9s}).value());
  EXPECT_EQ(s.silent(), std::set<std::string>{"b"});
  all[1].answered = time_point{10s};
  EXPECT_FALSE(s.look(all, time_point{10s}).value());
  EXPECT_FALSE(s.look(all, time_point{11'999ms}).value());
  EXPECT_TRUE(s.look(all, time_point{12s}).value());
  all[1].restarts = 1;   // failed and up again
  all[1].last_failure = "out of luck";
  const auto failed = s.look(all, time_point{13s});
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.err().context, "role b failed: out of luck");
}

TEST(settling, one_that_ends_has_not_stayed_up) {
  settling s({"a"}, 0s);
  rt::child_health a;
  a.name = "a";
  a.state = rt::child_state::stopped;
  EXPECT_FALSE(s.look({a}, time_point{}).ok());
  EXPECT_TRUE(settling({}, 0s).look({a}, time_point{}).value());
}

constexpr int never = -1;

/// What a test does to the device of the newest revision.
struct tricks {
  int ticks_to_live = never;
  std::shared_ptr<rt::latch> start;               ///< its start waits for this
  std::shared_ptr<std::atomic<bool>> fails = std::make_shared<std::atomic<bool>>(false);
  std::function<void()> making = [] {};           ///< while it is made ready
  std::weak_ptr<int> model;                       ///< what was made for it and holds memory
};

struct device_core final : quiet_core {
  device_core(std::shared_ptr<rt::latch> begin, std::shared_ptr<std::atomic<bool>> failing, int ticks)
      : latch(std::move(begin)), fails(std::move(failing)), ticks_left(ticks) {}
  void start(time_point, outbox&) override {
    if (latch) latch->wait(20s);
  }
  void tick(time_point, outbox&) override {
    if (ticks_left > 0) --ticks_left;
    if (fails->load() || ticks_left == 0) throw std::runtime_error("the camera is gone");
  }
  std::shared_ptr<rt::latch> latch;
  std::shared_ptr<std::atomic<bool>> fails;
  int ticks_left;
};

class hosted : public ::testing::Test {
 protected:
  static std::string document(const char* rate, const char* settle) {
    std::string out = "[changes]\nsettle = \"" + std::string(settle) + "\"\n[device]\nsamples_per_second = " + rate +
                      "\n[[nodes]]\nname = \"cloud\"\nlisten = [\"ipc://cloud.sock\"]\n[[nodes]]\nname = \"edge\"\n";
    for (const char* kind : {"intake", "teacher", "distiller", "compressor", "deployer", "stats"})
      out += "[[roles]]\nkind = \"" + std::string(kind) + "\"\nnode = \"cloud\"\n";
    for (const char* kind : {"device", "uplink_filter"})
      out += "[[roles]]\nkind = \"" + std::string(kind) + "\"\nnode = \"edge\"\n";
    return out;
  }

  void start(const char* settle_text) {
    settle = settle_text;
    topology::load_options load;
    load.state_dir = folder.path().string();
    auto graph = topology::load_graph(document("1.0", settle), load);
    ASSERT_TRUE(graph.ok()) << graph.err().text();
    node_host_options options;
    options.node = "edge";
    options.await = true;
    options.log = engine.log();
    options.make_roles = [this](const topology::graph&) -> role_maker {
      return [this](const topology::role_spec& spec) -> result<rt::role_spec> {
        rt::role_spec out;
        out.name = spec.name;
        out.where = rt::placement::own_thread;
        if (spec.name != "device") {
          out.factory = [] { return std::make_unique<quiet_core>(); };
          return out;
        }
        next.making();
        const auto model = std::make_shared<int>(7);
        next.model = model;
        out.factory = [model, begin = next.start, fails = next.fails, ticks = next.ticks_to_live] {
          return std::make_unique<device_core>(begin, fails, ticks);
        };
        return out;
      };
    };
    auto made = node_host::start(engine, links, std::move(graph).value(), std::move(options));
    ASSERT_TRUE(made.ok()) << made.err().text();
    host = std::move(made).value();
    order(1, change_step::finish, "1.0");
    order_until(1, change_step::finish, "1.0", [](const auto& r) { return r.finished; });
  }

  void order(std::uint64_t revision, change_step step, const char* rate) {
    host->operations().order({revision, step, "f.toml", "", document(rate, settle)});
  }
  /// As CONTROL does: again and again until the report is right.
  template <class F>
  void order_until(std::uint64_t revision, change_step step, const char* rate, F right) {
    for (int i = 0; i < 1000; ++i) {
      if (right(host->operations().report())) return;
      if (i % 10 == 0) order(revision, step, rate);
      std::this_thread::sleep_for(20ms);
    }
    const auto r = host->operations().report();
    FAIL() << "active " << r.active << " prepared " << r.prepared << " failed " << r.failed << " " << r.failure;
  }

  test::temporary_folder folder;
  rt::system engine;
  port::zmq_transport links;
  tricks next;
  const char* settle = "0ms";
  std::unique_ptr<node_host> host;
};

TEST_F(hosted, what_was_prepared_for_a_change_that_is_not_to_be_leaves_memory) {
  start("0ms");
  order_until(2, change_step::prepare, "2.0", [](const auto& r) { return r.prepared == 2; });
  const auto prepared = next.model;
  EXPECT_FALSE(prepared.expired());
  order_until(1, change_step::finish, "1.0", [](const auto& r) { return r.prepared == 0; });
  EXPECT_TRUE(prepared.expired());
  EXPECT_EQ(host->operations().report().active, 1U);
}

TEST_F(hosted, preparing_another_change_drops_the_one_before) {
  start("0ms");
  order_until(2, change_step::prepare, "2.0", [](const auto& r) { return r.prepared == 2; });
  const auto former = next.model;
  bool both_in_memory = true;
  next.making = [&] { both_in_memory = !former.expired(); };
  order_until(3, change_step::prepare, "3.0", [](const auto& r) { return r.prepared == 3; });
  EXPECT_FALSE(both_in_memory);
}

TEST_F(hosted, is_of_a_revision_only_once_its_roles_have_answered) {
  start("0ms");
  next.start = std::make_shared<rt::latch>();
  order_until(2, change_step::become, "2.0", [](const auto& r) { return r.active == 0; });
  // Longer than any former watch; whatever the machine does, a role that does not answer does not count.
  std::this_thread::sleep_for(700ms);
  EXPECT_EQ(host->operations().report().active, 0U);
  next.start->open();
  order_until(2, change_step::become, "2.0", [](const auto& r) { return r.active == 2; });
  EXPECT_EQ(host->operations().report().failed, 0U);
}

TEST_F(hosted, a_role_that_fails_while_it_settles_speaks_against_the_change_and_the_old_one_comes_back) {
  start("0ms");
  settle = "40s";
  next.ticks_to_live = 8;   // it has answered long before
  order_until(2, change_step::become, "2.0", [](const auto& r) { return r.failed == 2; });
  EXPECT_EQ(host->operations().report().active, 0U) << "it was never of revision 2";
  EXPECT_NE(host->operations().report().failure.find("role device failed"), std::string::npos);
  settle = "0ms";
  next.ticks_to_live = never;
  order_until(1, change_step::finish, "1.0", [](const auto& r) { return r.active == 1 && r.finished; });
}

TEST_F(hosted, a_role_that_fails_before_all_is_finished_speaks_against_the_change) {
  start("0ms");
  order_until(2, change_step::become, "2.0", [](const auto& r) { return r.active == 2; });
  EXPECT_FALSE(host->operations().report().finished);
  const auto failing = next.fails;
  next.fails = std::make_shared<std::atomic<bool>>(false);
  failing->store(true);
  order_until(2, change_step::become, "2.0", [](const auto& r) { return r.failed == 2; });
  EXPECT_NE(host->operations().report().failure.find("role device failed"), std::string::npos);
  order_until(1, change_step::become, "1.0", [](const auto& r) { return r.active == 1; });
  order_until(1, change_step::finish, "1.0", [](const auto& r) { return r.finished; });
  for (const auto& child : host->node().health())
    EXPECT_TRUE(child.name != "device" || child.state == rt::child_state::running);
}

TEST_F(hosted, a_stop_does_not_wait_for_a_model_that_is_being_loaded) {
  start("0ms");
  const auto entered = std::make_shared<rt::latch>();
  const auto loaded = std::make_shared<rt::latch>();
  next.making = [=] {
    entered->open();
    loaded->wait(60s);
  };
  order(2, change_step::prepare, "2.0");
  ASSERT_TRUE(entered->wait(20s));
  EXPECT_FALSE(host->halt());
  EXPECT_TRUE(host->node().stop(10s).in_time) << "the roles end in order meanwhile";
  EXPECT_FALSE(host->halt());
  loaded->open();
  bool ended = false;
  for (int i = 0; i < 1000 && !ended; ++i) {
    ended = host->halt();
    if (!ended) std::this_thread::sleep_for(20ms);
  }
  EXPECT_TRUE(ended);
  EXPECT_EQ(host->operations().report().prepared, 0U);
}

}  // namespace
}  // namespace freshet::actors

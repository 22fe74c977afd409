// Nodes over real ZeroMQ links: inproc, ipc and tcp on loopback through the same code.
#include "actors/rt/node.hpp"

#include <atomic>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "actors/port/zmq_transport.hpp"
#include "actors/rt/latch.hpp"
#include "actors/rt/system.hpp"
#include "tests/support/test_cores.hpp"

namespace freshet {
namespace {

using namespace std::chrono_literals;
using namespace freshet::testing;

std::string unique_name(const std::string& what) {
  static std::atomic<int> counter{0};
  return what + "-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
}

std::string node_endpoint(const std::string& scheme) {
  if (scheme == "inproc") return "inproc://" + unique_name("node");
  if (scheme == "ipc") return "ipc://" + (std::filesystem::temp_directory_path() / unique_name("freshet")).string();
  return "tcp://127.0.0.1:*";
}

rt::node_options cloud(const std::string& endpoint, rt::core_factory echo) {
  rt::node_options o;
  o.name = "cloud";
  o.listen = {endpoint};
  o.roles.push_back({"echo", std::move(echo), rt::placement::shared, {}});
  return o;
}

rt::node_options device(const std::string& endpoint, rt::core_factory source) {
  rt::node_options o;
  o.name = "device";
  o.peers = {{"cloud", endpoint}};
  o.roles.push_back({"source", std::move(source), rt::placement::own_thread, {}});
  return o;
}

std::unique_ptr<rt::node> start_node(rt::system& engine, rt::transport& links, rt::node_options o) {
  auto n = rt::node::start(engine, links, std::move(o));
  EXPECT_TRUE(n.ok()) << (n.ok() ? "" : n.err().text());
  return n.ok() ? std::move(n).value() : nullptr;
}

class node_links : public ::testing::TestWithParam<std::string> {
 protected:
  rt::system engine;
  port::zmq_transport links;
};

TEST_P(node_links, carries_all_messages_in_order_once_both_ways) {
  auto seen = std::make_shared<shared_log>(), answers = std::make_shared<shared_log>();
  auto far = start_node(engine, links, cloud(node_endpoint(GetParam()), make_echo(seen)));
  auto near = start_node(engine, links, device(far->endpoints().front(), make_source({"cloud", "echo"}, 500, answers)));
  ASSERT_TRUE(answers->wait_for(500));
  EXPECT_EQ(seen->all(), counting(1, 500));
  EXPECT_EQ(answers->all(), counting(1, 500));
  const auto sent = near->stop(5s);
  EXPECT_TRUE(sent.in_time);
  const topology::address source{"device", "source"}, echo{"cloud", "echo"};
  const auto up = sent.traffic.sum(rt::direction::out, source, echo);
  EXPECT_GE(up.messages, 500u);
  // Its last acknowledgements may still be on their way; both ends come to the same figures.
  for (int i = 0; i < 2000 && !(far->traffic().sum(rt::direction::in, source, echo) == up); ++i)
    std::this_thread::sleep_for(5ms);
  auto report = far->stop(5s);
  EXPECT_TRUE(report.in_time);
  const auto arrived = report.traffic.sum(rt::direction::in, source, echo);
  EXPECT_EQ(arrived.messages, up.messages);
  EXPECT_EQ(arrived.bytes, up.bytes);
  EXPECT_EQ(report.traffic.faults.malformed + report.traffic.faults.wrong_identity, 0u);
}

TEST_P(node_links, goes_on_after_the_listener_was_started_anew) {
  const std::string scheme = GetParam();
  auto seen = std::make_shared<shared_log>(), answers = std::make_shared<shared_log>();
  auto far = start_node(engine, links, cloud(node_endpoint(scheme), make_echo(seen)));
  const std::string endpoint = far->endpoints().front();
  auto near = start_node(engine, links, device(endpoint, make_source({"cloud", "echo"}, 1000, answers)));
  ASSERT_TRUE(answers->wait_for(100));
  far.reset();
  const auto before = seen->size();
  far = start_node(engine, links, cloud(endpoint, make_echo(seen)));
  ASSERT_NE(far, nullptr);
  // The tail comes in order and once; around the restart the receiver may see some again, since
  // what it had not acknowledged in its former life is sent to the new one.
  ASSERT_TRUE(seen->wait_for(std::max<std::size_t>(before, 1000)));
  for (int i = 0; i < 2000 && seen->all().back() != 1000; ++i) std::this_thread::sleep_for(5ms);
  const auto all = seen->all();
  EXPECT_EQ(all.back(), 1000u);
  std::vector<bool> had(1001, false);
  for (auto n : all) had.at(n) = true;
  for (std::size_t n = 1; n <= 1000; ++n) EXPECT_TRUE(had[n]) << n;
  const std::vector<std::uint64_t> second(all.begin() + static_cast<std::ptrdiff_t>(before), all.end());
  EXPECT_EQ(second, counting(second.front(), 1000));
}

TEST_P(node_links, goes_on_after_the_connecting_node_was_started_anew) {
  auto seen = std::make_shared<shared_log>();
  auto far = start_node(engine, links, cloud(node_endpoint(GetParam()), make_echo(seen)));
  const std::string endpoint = far->endpoints().front();
  for (int life = 0; life < 3; ++life) {
    auto answers = std::make_shared<shared_log>();
    auto near = start_node(engine, links, device(endpoint, make_source({"cloud", "echo"}, 100, answers)));
    ASSERT_TRUE(answers->wait_for(100)) << "life " << life;
    EXPECT_EQ(answers->all(), counting(1, 100));
  }
}

TEST_P(node_links, a_peer_that_comes_late_is_found) {
  const std::string scheme = GetParam();
  std::string endpoint = node_endpoint(scheme);
  if (scheme == "tcp") {
    // A port that is free right now: bound once, let go again.
    auto probe = start_node(engine, links, cloud(endpoint, make_echo()));
    endpoint = probe->endpoints().front();
  }
  auto answers = std::make_shared<shared_log>();
  auto near = start_node(engine, links, device(endpoint, make_source({"cloud", "echo"}, 50, answers)));
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(answers->size(), 0u);
  auto far = start_node(engine, links, cloud(endpoint, make_echo()));
  ASSERT_TRUE(answers->wait_for(50));
  EXPECT_EQ(answers->all(), counting(1, 50));
}

INSTANTIATE_TEST_SUITE_P(schemes, node_links, ::testing::Values("inproc", "ipc", "tcp"),
                         [](const auto& name) { return name.param; });

TEST(node, roles_of_one_node_reach_each_other_over_the_same_path) {
  rt::system engine;
  port::zmq_transport links;
  auto answers = std::make_shared<shared_log>();
  rt::node_options o;
  o.name = "alone";
  o.roles.push_back({"echo", make_echo(), rt::placement::shared, {}});
  o.roles.push_back({"source", make_source({"alone", "echo"}, 300, answers), rt::placement::shared, {}});
  auto n = start_node(engine, links, o);
  ASSERT_TRUE(answers->wait_for(300));
  EXPECT_EQ(answers->all(), counting(1, 300));
  const auto out = n->traffic().sum(rt::direction::out, {"alone", "source"}, {"alone", "echo"});
  EXPECT_GE(out.messages, 300u);
}

TEST(node, refuses_what_cannot_be_right_with_the_value_in_the_error) {
  rt::system engine;
  port::zmq_transport links;
  rt::node_options o;
  EXPECT_FALSE(rt::node::start(engine, links, o).ok());
  o.name = "n";
  o.listen = {"tcp://0.0.0.0:5555"};
  auto open_to_the_world = rt::node::start(engine, links, o);
  ASSERT_FALSE(open_to_the_world.ok());
  EXPECT_NE(open_to_the_world.err().text().find("0.0.0.0"), std::string::npos);
  o.listen = {};
  o.peers = {{"far", "tcp://192.168.1.1:5555"}};
  EXPECT_FALSE(rt::node::start(engine, links, o).ok());
  o.peers = {};
  o.roles = {{"a", make_echo(), rt::placement::shared, {}}, {"a", make_echo(), rt::placement::shared, {}}};
  auto twice = rt::node::start(engine, links, o);
  ASSERT_FALSE(twice.ok());
  EXPECT_EQ(twice.err().code, errc::invalid_argument);
  for (int i = 0; i < 2000 && engine.alive()->size() > 0; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(engine.alive()->names(), std::vector<std::string>{});
}

TEST(node, an_endpoint_in_use_is_an_error_and_nothing_is_left_running) {
  rt::system engine;
  port::zmq_transport links;
  auto first = start_node(engine, links, cloud("inproc://" + unique_name("taken"), make_echo()));
  auto second = rt::node::start(engine, links, cloud(first->endpoints().front(), make_echo()));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.err().code, errc::io);
}

// A big tensor crosses an inproc link between two nodes without a copy.
TEST(node, big_tensors_are_passed_not_copied) {
  rt::system engine;
  port::zmq_transport links;
  auto tensor = host_tensor::of(std::vector<float>(1 << 16, 1.5F), {256, 256});
  auto seen_at = std::make_shared<std::atomic<const void*>>(nullptr);
  auto arrived = std::make_shared<shared_log>();
  struct sink_core : quiet_core {
    std::shared_ptr<std::atomic<const void*>> at;
    std::shared_ptr<shared_log> log;
    void handle(const topology::address&, const topology::any_message& m, time_point, actors::outbox&) override {
      const auto* b = std::get_if<topology::observation_batch>(&m);
      if (!b) return;
      at->store(b->features.data());
      log->add(static_cast<std::uint64_t>(b->features.as<float>()[65535] * 2));
    }
  };
  struct giver_core : quiet_core {
    host_tensor what;
    void start(time_point, actors::outbox& out) override {
      topology::observation_batch b;
      b.features = what;
      out.send({"cloud", "sink"}, b);
    }
  };
  auto o = cloud("inproc://" + unique_name("zero"), make_echo());
  o.roles.push_back({"sink",
                     [=] {
                       auto c = std::make_unique<sink_core>();
                       c->at = seen_at;
                       c->log = arrived;
                       return c;
                     },
                     rt::placement::shared,
                     {}});
  auto far = start_node(engine, links, o);
  auto near = start_node(engine, links, device(far->endpoints().front(), [=] {
                        auto c = std::make_unique<giver_core>();
                        c->what = tensor;
                        return c;
                      }));
  ASSERT_TRUE(arrived->wait_for(1));
  EXPECT_EQ(arrived->all().front(), 3u);
  EXPECT_EQ(seen_at->load(), static_cast<const void*>(tensor.data()));
}

TEST(node, a_role_that_throws_is_started_anew_and_the_rest_goes_on) {
  rt::system engine;
  port::zmq_transport links;
  auto lives = std::make_shared<std::atomic<int>>(0);
  auto answers = std::make_shared<shared_log>();
  struct brittle_core : quiet_core {
    int life = 0;
    echo_core inner;
    int handled = 0;
    void handle(const topology::address& from, const topology::any_message& m, time_point now,
                actors::outbox& out) override {
      if (life == 1 && ++handled == 10) throw std::runtime_error("the tenth message of the first life");
      inner.handle(from, m, now, out);
    }
    void tick(time_point now, actors::outbox& out) override { inner.tick(now, out); }
  };
  rt::restart_limits quick;
  quick.first_delay = 5ms;
  auto o = cloud("inproc://" + unique_name("brittle"), make_echo());
  o.roles.front() = {"echo",
                     [=] {
                       auto c = std::make_unique<brittle_core>();
                       c->life = ++*lives;
                       return c;
                     },
                     rt::placement::shared, quick};
  auto far = start_node(engine, links, o);
  auto near = start_node(engine, links, device(far->endpoints().front(), make_source({"cloud", "echo"}, 100, answers)));
  for (int i = 0; i < 4000 && (answers->size() == 0 || answers->all().back() != 100); ++i)
    std::this_thread::sleep_for(5ms);
  EXPECT_EQ(answers->all().back(), 100u);
  EXPECT_EQ(lives->load(), 2);
  EXPECT_FALSE(far->failed());
  EXPECT_EQ(far->health().front().restarts, 1u);
  EXPECT_NE(far->health().front().last_failure.find("tenth message"), std::string::npos);
}

TEST(node, a_role_that_does_not_stop_is_named_and_the_stop_is_bounded) {
  auto release = std::make_shared<std::atomic<bool>>(false);
  auto entered = std::make_shared<rt::latch>();
  {
    rt::system engine;
    port::zmq_transport links;
    struct stuck_core : quiet_core {
      std::shared_ptr<std::atomic<bool>> release;
      std::shared_ptr<rt::latch> entered;
      bool work(time_point, actors::outbox&) override {
        entered->open();
        while (!release->load()) std::this_thread::sleep_for(1ms);
        return false;
      }
    };
    rt::node_options o;
    o.name = "n";
    o.roles.push_back({"stuck",
                       [=] {
                         auto c = std::make_unique<stuck_core>();
                         c->release = release;
                         c->entered = entered;
                         return c;
                       },
                       rt::placement::own_thread,
                       {}});
    auto n = start_node(engine, links, o);
    ASSERT_TRUE(entered->wait(20s));
    // Port and supervisor answer for the node; the role itself does not.
    EXPECT_TRUE(n->answers(20s));
    EXPECT_FALSE(n->health().front().answered);
    auto report = n->stop(50ms);
    EXPECT_FALSE(n->answers(1ms)) << "a node that has stopped does not answer";
    EXPECT_FALSE(report.in_time);
    EXPECT_EQ(report.left, std::vector<std::string>{"stuck"});
    release->store(true);
  }
}

TEST(node, does_not_answer_while_what_runs_its_supervisor_is_blocked) {
  auto release = std::make_shared<std::atomic<bool>>(false);
  auto entered = std::make_shared<rt::latch>();
  rt::system engine;  // one thread for all that has none of its own
  port::zmq_transport links;
  struct blocking_core : quiet_core {
    std::shared_ptr<std::atomic<bool>> release;
    std::shared_ptr<rt::latch> entered;
    bool work(time_point, actors::outbox&) override {
      entered->open();
      while (!release->load()) std::this_thread::sleep_for(1ms);
      return false;
    }
  };
  rt::node_options o;
  o.name = "n";
  o.roles.push_back({"blocking",
                     [=] {
                       auto c = std::make_unique<blocking_core>();
                       c->release = release;
                       c->entered = entered;
                       return c;
                     },
                     rt::placement::shared,
                     {}});
  auto n = start_node(engine, links, o);
  ASSERT_TRUE(entered->wait(20s));
  EXPECT_FALSE(n->answers(50ms));
  release->store(true);
  EXPECT_TRUE(n->answers(20s));
}

TEST(node, a_hundred_lives_of_two_nodes_end_without_a_hang) {
  rt::system engine;
  port::zmq_transport links;
  for (int life = 0; life < 100; ++life) {
    auto answers = std::make_shared<shared_log>();
    auto far = start_node(engine, links, cloud("inproc://cycle", make_echo()));
    auto near = start_node(engine, links, device("inproc://cycle", make_source({"cloud", "echo"}, 3, answers)));
    if (life % 2 == 0) {
      ASSERT_TRUE(answers->wait_for(3)) << life;
    }
    if (life % 3 == 0) far.reset();
  }
  for (int i = 0; i < 1000 && engine.alive()->size() > 0; ++i) std::this_thread::sleep_for(2ms);
  EXPECT_EQ(engine.alive()->names(), std::vector<std::string>{});
}

TEST(node, whole_systems_come_and_go) {
  for (int life = 0; life < 20; ++life) {
    rt::system engine;
    port::zmq_transport links;
    auto far = start_node(engine, links, cloud("inproc://cycle", make_echo()));
    auto near = start_node(engine, links, device("inproc://cycle", make_source({"cloud", "echo"}, 3, std::make_shared<shared_log>())));
  }
}

// Two joined nodes with nothing to say: ticks and heartbeats only.
TEST(node, idles_without_burning_a_core) {
  rt::system engine;
  port::zmq_transport links;
  auto answers = std::make_shared<shared_log>();
  auto far = start_node(engine, links, cloud("tcp://127.0.0.1:*", make_echo()));
  auto near = start_node(engine, links, device(far->endpoints().front(), make_source({"cloud", "echo"}, 5, answers)));
  ASSERT_TRUE(answers->wait_for(5));
  auto used = [] {
    rusage u{};
    ::getrusage(RUSAGE_SELF, &u);
    return std::chrono::seconds(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           std::chrono::microseconds(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
  };
  const auto before = used();
  std::this_thread::sleep_for(300ms);
  EXPECT_LT(used() - before, 60ms);
}

}  // namespace
}  // namespace freshet

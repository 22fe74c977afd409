// A node whose own roles never speak first can still be spoken to: its port introduces itself.
#include "actors/rt/node.hpp"

#include <atomic>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "actors/port/zmq_transport.hpp"
#include "actors/rt/system.hpp"
#include "tests/support/test_cores.hpp"

namespace freshet {
namespace {

using namespace std::chrono_literals;
using namespace freshet::testing;

std::string endpoint_of(const std::string& scheme) {
  static std::atomic<int> counter{0};
  const std::string name = "introduction-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
  if (scheme == "inproc") return "inproc://" + name;
  return "tcp://127.0.0.1:*";
}

std::unique_ptr<rt::node> started(rt::system& engine, rt::transport& links, rt::node_options o) {
  auto n = rt::node::start(engine, links, std::move(o));
  EXPECT_TRUE(n.ok()) << (n.ok() ? "" : n.err().text());
  return n.ok() ? std::move(n).value() : nullptr;
}

/// Listens, and speaks first to the silent node's echo.
rt::node_options talker(const std::string& endpoint, std::uint64_t count, std::shared_ptr<shared_log> answers,
                        std::uint64_t first_number = 1) {
  rt::node_options o;
  o.name = "talker";
  o.listen = {endpoint};
  o.roles.push_back({"source", make_source({"silent", "echo"}, count, std::move(answers), first_number), rt::placement::shared, {}});
  return o;
}

/// Connects, and only answers.
rt::node_options silent(const std::string& endpoint, std::shared_ptr<shared_log> seen) {
  rt::node_options o;
  o.name = "silent";
  o.peers = {{"talker", endpoint}};
  o.roles.push_back({"echo", make_echo(std::move(seen)), rt::placement::shared, {}});
  return o;
}

class introduction : public ::testing::TestWithParam<std::string> {
 protected:
  rt::system engine;
  port::zmq_transport links;
};

TEST_P(introduction, the_listening_side_may_speak_first) {
  auto seen = std::make_shared<shared_log>(), answers = std::make_shared<shared_log>();
  auto far = started(engine, links, talker(endpoint_of(GetParam()), 100, answers));
  ASSERT_NE(far, nullptr);
  auto near = started(engine, links, silent(far->endpoints().front(), seen));
  ASSERT_TRUE(answers->wait_for(100));
  EXPECT_EQ(seen->all(), counting(1, 100));
  EXPECT_EQ(answers->all(), counting(1, 100));
}

TEST_P(introduction, each_life_of_a_silent_node_is_found_by_listeners_that_it_hears_of_later) {
  auto answers = std::make_shared<shared_log>();
  auto far = started(engine, links, talker(endpoint_of(GetParam()), 0, answers));
  ASSERT_NE(far, nullptr);
  const std::string endpoint = far->endpoints().front();
  for (int life = 0; life < 2; ++life) {
    auto seen = std::make_shared<shared_log>();
    auto near = started(engine, links, silent(endpoint, seen));
    rt::node_options other = talker(endpoint_of("inproc"), 0, answers);
    // A second listener that the same silent node is told of while it runs.
    auto later_answers = std::make_shared<shared_log>();
    other.name = "later";
    other.roles.front().factory = make_source({"silent", "echo"}, 20, later_answers);
    auto later = started(engine, links, other);
    near->connect("later", later->endpoints().front());
    ASSERT_TRUE(later_answers->wait_for(20)) << life;
    EXPECT_EQ(seen->all(), counting(1, 20));
  }
}

TEST_P(introduction, a_listener_that_was_started_anew_is_introduced_to_again) {
  auto seen = std::make_shared<shared_log>(), first = std::make_shared<shared_log>(),
       second = std::make_shared<shared_log>();
  auto far = started(engine, links, talker(endpoint_of(GetParam()), 30, first));
  ASSERT_NE(far, nullptr);
  const std::string endpoint = far->endpoints().front();
  auto near = started(engine, links, silent(endpoint, seen));
  ASSERT_TRUE(first->wait_for(30));
  far.reset();
  far = started(engine, links, talker(endpoint, 30, second, 101));
  ASSERT_NE(far, nullptr);
  // Answers that the first life had not acknowledged come again, to its successor: at least once across a restart.
  std::vector<std::uint64_t> own;
  for (std::size_t count = 30; own.size() < 30; ++count) {
    ASSERT_TRUE(second->wait_for(count));
    own.clear();
    for (const std::uint64_t number : second->all()) {
      if (number > 100) {
        own.push_back(number);
      } else {
        EXPECT_LE(number, 30U) << "of neither life";
      }
    }
  }
  EXPECT_EQ(own, counting(101, 130)) << "its own, once each and in order";
}

INSTANTIATE_TEST_SUITE_P(schemes, introduction, ::testing::Values("inproc", "tcp"),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace freshet

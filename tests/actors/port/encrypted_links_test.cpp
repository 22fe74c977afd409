// tcp links under CURVE: who comes in, who does not, what a key may say, and what happens to a
// connection that stands when its key is revoked.
#include "actors/port/inbound.hpp"
#include "actors/port/sockets.hpp"
#include "actors/port/zmq_transport.hpp"
#include "actors/rt/node.hpp"
#include "actors/rt/system.hpp"
#include "tests/support/link_keys.hpp"
#include "tests/support/test_cores.hpp"
#include "topology/wire/codec.hpp"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>
#include <zmq.hpp>

namespace freshet::port {
namespace {

using namespace std::chrono_literals;
using namespace freshet::testing;

class encrypted_links : public ::testing::Test {
 protected:
  /// A cloud with an echo that listens on tcp.
  void start_cloud(std::shared_ptr<const rt::residents> known = nullptr) {
    rt::node_options o;
    o.name = "cloud";
    o.listen = {"tcp://127.0.0.1:*"};
    o.security.own = cloud_keys;
    o.security.allowed = allowed;
    o.security.known = std::move(known);
    o.limits.strikes = 3;
    o.roles.push_back({"echo", make_echo(seen), rt::placement::shared, {}});
    auto n = rt::node::start(engine, links, std::move(o));
    ASSERT_TRUE(n.ok()) << n.err().text();
    cloud = std::move(n).value();
  }

  /// A device that sends `count` to the echo.
  std::unique_ptr<rt::node> device(const std::string& name, const rt::link_keys& keys, std::uint64_t count,
                                   std::shared_ptr<shared_log> log, const std::string& server_key) {
    rt::node_options o;
    o.name = name;
    o.peers = {{"cloud", cloud->endpoints().front()}};
    o.security.own = keys;
    o.security.servers = {{"cloud", server_key}};
    o.roles.push_back({"source", make_source({"cloud", "echo"}, count, std::move(log)), rt::placement::shared, {}});
    auto n = rt::node::start(engine, links, std::move(o));
    EXPECT_TRUE(n.ok()) << (n.ok() ? "" : n.err().text());
    return n.ok() ? std::move(n).value() : nullptr;
  }

  /// A hostile one: any routing id under any key.
  zmq::socket_t raw(const std::string& routing_id, const rt::link_keys& keys) {
    zmq::socket_t s(outside, zmq::socket_type::dealer);
    s.set(zmq::sockopt::routing_id, routing_id);
    s.set(zmq::sockopt::linger, 0);
    s.set(zmq::sockopt::immediate, true);
    s.set(zmq::sockopt::sndtimeo, 10'000);
    encrypt_as_client(s, keys, cloud_keys.public_key);
    s.connect(cloud->endpoints().front());
    return s;
  }
  static topology::parcel word(const std::string& node, const std::string& role, topology::any_message body) {
    topology::parcel p;
    p.head.from = {node, role};
    p.head.to = {"cloud", "echo"};
    p.head.life = epoch{42};
    p.body = std::move(body);
    return p;
  }
  static void put(zmq::socket_t& s, const topology::parcel& p) {
    const auto frames = topology::encode(p).value();
    for (std::size_t i = 0; i < frames.size(); ++i)
      ASSERT_TRUE(s.send(zmq::buffer(frames[i].data(), frames[i].bytes()),
                         i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none));
  }
  template <class F>
  bool eventually(F holds) {
    for (int i = 0; i < 2000; ++i) {
      if (holds(cloud->traffic().faults)) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

  zmq::context_t outside;
  rt::system engine;
  zmq_transport links;
  rt::link_keys cloud_keys = draw_keys();
  rt::link_keys edge_keys = draw_keys();
  std::shared_ptr<listed_keys> allowed = std::make_shared<listed_keys>();
  std::shared_ptr<shared_log> seen = std::make_shared<shared_log>();
  std::shared_ptr<shared_log> answers = std::make_shared<shared_log>();
  std::unique_ptr<rt::node> cloud;
};

TEST_F(encrypted_links, an_allowed_key_speaks_and_is_answered) {
  allowed->allow(edge_keys.public_key, {"edge", false});
  start_cloud();
  const auto edge = device("edge", edge_keys, 100, answers, cloud_keys.public_key);
  ASSERT_TRUE(answers->wait_for(100));
  EXPECT_EQ(seen->size(), 100U);
  EXPECT_EQ(cloud->traffic().faults.refused_keys, 0U);
  EXPECT_EQ(cloud->traffic().faults.wrong_identity, 0U);
}

TEST_F(encrypted_links, an_unknown_key_is_turned_away_and_let_in_once_it_is_in_the_list) {
  start_cloud();
  const auto edge = device("edge", edge_keys, 10, answers, cloud_keys.public_key);
  ASSERT_TRUE(eventually([](const auto& f) { return f.refused_keys > 0; }));
  EXPECT_EQ(seen->size(), 0U);
  allowed->allow(edge_keys.public_key, {"edge", false});
  ASSERT_TRUE(answers->wait_for(10));
}

TEST_F(encrypted_links, a_plain_peer_reaches_nobody) {
  start_cloud();
  zmq::socket_t plain(outside, zmq::socket_type::dealer);
  plain.set(zmq::sockopt::routing_id, "edge#1");
  plain.set(zmq::sockopt::linger, 0);
  plain.connect(cloud->endpoints().front());
  put(plain, word("edge", "source", topology::pace{1, 0, 1}));
  // The same from an allowed one, later, is heard: so the former had its time.
  allowed->allow(edge_keys.public_key, {"other", false});
  const auto edge = device("other", edge_keys, 5, answers, cloud_keys.public_key);
  ASSERT_TRUE(answers->wait_for(5));
  EXPECT_EQ(seen->size(), 5U);
}

TEST_F(encrypted_links, a_device_does_not_speak_to_a_server_with_another_key) {
  allowed->allow(edge_keys.public_key, {"edge", false});
  start_cloud();
  const auto fooled = device("edge", edge_keys, 10, answers, draw_keys().public_key);
  EXPECT_FALSE(answers->wait_for(1, 700ms));
  EXPECT_EQ(seen->size(), 0U);
}

TEST_F(encrypted_links, a_revoked_key_is_not_heard_any_more_on_a_connection_that_stands_and_others_are) {
  const rt::link_keys other_keys = draw_keys();
  allowed->allow(edge_keys.public_key, {"edge", false});
  allowed->allow(other_keys.public_key, {"other", false});
  start_cloud();
  auto bad = raw("edge#1", edge_keys);
  auto good = raw("other#1", other_keys);
  put(bad, word("edge", "source", topology::link_hello{epoch{42}}));
  put(good, word("other", "source", topology::link_hello{epoch{42}}));
  const auto heard = [&](const char* node) {
    return cloud->traffic().sum(rt::direction::in, {node, ""}, {"", ""}).messages;
  };
  ASSERT_TRUE(eventually([&](const auto&) { return heard("edge") == 1 && heard("other") == 1; }));
  allowed->revoke(edge_keys.public_key);
  for (int i = 0; i < 10; ++i) put(bad, word("edge", "source", topology::link_hello{epoch{42}}));
  for (int i = 0; i < 10; ++i) put(good, word("other", "source", topology::link_hello{epoch{42}}));
  ASSERT_TRUE(eventually([&](const auto& f) { return f.refused_keys == 10 && heard("other") == 11; }));
  EXPECT_EQ(heard("edge"), 1U);
  // Nor is anything sent to it: acknowledgements of the hello went out before.
  const auto sent = cloud->traffic().sum(rt::direction::out, {"", ""}, {"edge", ""}).messages;
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(cloud->traffic().sum(rt::direction::out, {"", ""}, {"edge", ""}).messages, sent);
}

TEST_F(encrypted_links, two_keys_of_a_node_are_good_together_until_the_old_one_is_revoked) {
  const rt::link_keys next = draw_keys();
  allowed->allow(edge_keys.public_key, {"edge", false});
  allowed->allow(next.public_key, {"edge", false});
  start_cloud();
  {
    const auto edge = device("edge", edge_keys, 10, answers, cloud_keys.public_key);
    ASSERT_TRUE(answers->wait_for(10));
  }
  allowed->revoke(edge_keys.public_key);
  const auto again = std::make_shared<shared_log>();
  const auto edge = device("edge", next, 10, again, cloud_keys.public_key);
  ASSERT_TRUE(again->wait_for(10));
}

TEST_F(encrypted_links, a_key_cannot_speak_as_another_node) {
  allowed->allow(edge_keys.public_key, {"edge", false});
  start_cloud();
  // In the envelope only, then in the routing id too, under ever new ones: the key is what is cut off.
  auto honest = raw("edge#1", edge_keys);
  put(honest, word("victim", "source", topology::link_hello{epoch{42}}));
  ASSERT_TRUE(eventually([](const auto& f) { return f.wrong_identity == 1; }));
  for (int i = 0; i < 3; ++i) {
    auto liar = raw("victim#" + std::to_string(i), edge_keys);
    put(liar, word("victim", "source", topology::link_hello{epoch{42}}));
    ASSERT_TRUE(
        eventually([&](const auto& f) { return f.wrong_identity + f.cut_off == static_cast<unsigned>(i) + 2; }));
  }
  EXPECT_EQ(cloud->traffic().faults.cut_offs, 1U);
  EXPECT_EQ(cloud->traffic().sum(rt::direction::in, {"victim", ""}, {"", ""}).messages, 0U);
}

TEST_F(encrypted_links, a_node_speaks_only_as_its_own_roles_and_for_its_own_devices) {
  allowed->allow(edge_keys.public_key, {"edge", false});
  start_cloud(std::make_shared<rt::residents>(
      rt::residents::town{{"cloud", {{"echo"}, {}}}, {"edge", {{"device", "filter"}, {device_id{7}}}}}));
  auto s = raw("edge#1", edge_keys);
  const auto heard = [&] { return cloud->traffic().sum(rt::direction::in, {"edge", ""}, {"", ""}).messages; };
  topology::device_report own;
  own.device = device_id{7};
  put(s, word("edge", "device", own));
  put(s, word("edge", "port", topology::link_hello{epoch{42}}));
  ASSERT_TRUE(eventually([&](const auto&) { return heard() == 2; }));
  topology::device_report stolen;
  stolen.device = device_id{8};
  put(s, word("edge", "device", stolen));
  put(s, word("edge", "invented", topology::link_hello{epoch{42}}));
  ASSERT_TRUE(eventually([](const auto& f) { return f.wrong_identity == 2; }));
  EXPECT_EQ(heard(), 2U);
}

TEST_F(encrypted_links, a_console_reads_figures_and_nothing_else) {
  allowed->allow(edge_keys.public_key, {"console-ann", true});
  start_cloud(std::make_shared<rt::residents>(rt::residents::town{{"cloud", {{"echo", "stats"}, {}}}},
                                              std::set<topology::address>{{"cloud", "stats"}}));
  auto s = raw("console-ann-12#1", edge_keys);
  auto asks = word("console-ann-12", "console", topology::stats_request{"all"});
  asks.head.to.role = "stats";
  put(s, asks);
  ASSERT_TRUE(eventually([](const auto& f) { return f.no_such_role == 1; }));  // it came through the gate
  put(s, word("console-ann-12", "console", topology::stop_request{"please"}));
  ASSERT_TRUE(eventually([](const auto& f) { return f.wrong_identity == 1; }));
  auto other = raw("console-bob#1", edge_keys);
  asks.head.from.node = "console-bob";
  put(other, asks);
  ASSERT_TRUE(eventually([](const auto& f) { return f.wrong_identity == 2; }));
}

TEST_F(encrypted_links, without_keys_tcp_stays_on_this_host) {
  rt::node_options o;
  o.name = "cloud";
  o.listen = {"tcp://0.0.0.0:*"};
  const auto open = rt::node::start(engine, links, o);
  ASSERT_FALSE(open.ok());
  EXPECT_NE(open.err().text().find("tcp://0.0.0.0:*"), std::string::npos) << open.err().text();
  o.listen = {};
  o.peers = {{"far", "tcp://192.0.2.1:5555"}};
  EXPECT_FALSE(rt::node::start(engine, links, o).ok());
  o.security.servers = {{"far", cloud_keys.public_key}};
  const auto keyless = rt::node::start(engine, links, o);
  ASSERT_FALSE(keyless.ok());
  EXPECT_NE(keyless.err().text().find("no key"), std::string::npos) << keyless.err().text();
  o.security.own = edge_keys;
  EXPECT_TRUE(rt::node::start(engine, links, o).ok());
  o.security.own.reset();
  o.peers = {};
  o.security.allowed = allowed;
  EXPECT_FALSE(rt::node::start(engine, links, o).ok());
}

}  // namespace
}  // namespace freshet::port

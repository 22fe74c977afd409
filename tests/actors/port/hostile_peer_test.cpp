// What a peer that speaks raw ZeroMQ can do to a node: be counted, be told, be cut off.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>
#include <zmq.hpp>

#include "actors/port/inbound.hpp"
#include "actors/port/socket_context.hpp"
#include "actors/port/sockets.hpp"
#include "actors/port/zmq_transport.hpp"
#include "actors/rt/latch.hpp"
#include "actors/rt/node.hpp"
#include "actors/rt/system.hpp"
#include "kernels/base/rng.hpp"
#include "tests/support/test_cores.hpp"
#include "topology/wire/bundle.hpp"
#include "topology/wire/codec.hpp"

namespace freshet::port {
namespace {

using namespace std::chrono_literals;
using testing::shared_log;

class hostile_peer : public ::testing::Test {
 protected:
  void start(rt::port_limits limits = {}, std::optional<rt::role_spec> another = std::nullopt) {
    static std::atomic<int> counter{0};
    rt::node_options o;
    o.name = "cloud";
    o.listen = {"inproc://hostile" + std::to_string(counter++)};
    o.limits = limits;
    o.roles.push_back({"echo", testing::make_echo(seen), rt::placement::shared, {}});
    if (another) o.roles.push_back(*another);
    auto n = rt::node::start(engine, links, o);
    ASSERT_TRUE(n.ok());
    node = std::move(n).value();
  }

  zmq::socket_t raw(const std::string& routing_id) {
    zmq::socket_t s(links.context().sockets(), zmq::socket_type::dealer);
    s.set(zmq::sockopt::routing_id, routing_id);
    s.set(zmq::sockopt::linger, 0);
    s.set(zmq::sockopt::rcvtimeo, 5000);
    s.connect(node->endpoints().front());
    return s;
  }

  static void put(zmq::socket_t& s, const std::vector<std::string>& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i)
      ASSERT_TRUE(s.send(zmq::buffer(frames[i]), i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none));
  }

  static std::vector<std::string> bytes_of(const topology::parcel& p) {
    auto frames = topology::encode(p);
    EXPECT_TRUE(frames.ok());
    std::vector<std::string> out;
    for (const auto& f : *frames) out.emplace_back(reinterpret_cast<const char*>(f.data()), f.bytes());
    return out;
  }

  static topology::parcel hello_from(const std::string& peer) {
    topology::parcel p;
    p.head.from = {peer, "role"};
    p.head.to = {"cloud", "echo"};
    p.head.life = epoch{42};
    p.head.correlation = 1;
    p.body = topology::link_hello{epoch{42}};
    return p;
  }

  template <class F>
  bool eventually(F holds) {
    for (int i = 0; i < 2000; ++i) {
      if (holds(node->traffic())) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

  /// The node still serves a well-behaved one.
  void expect_alive() {
    auto good = raw("good#1");
    put(good, bytes_of(hello_from("good")));
    zmq::message_t answer;
    ASSERT_TRUE(good.recv(answer).has_value());
    host_tensor first = host_tensor::of(std::vector<std::uint8_t>(
        static_cast<const std::uint8_t*>(answer.data()), static_cast<const std::uint8_t*>(answer.data()) + answer.size()));
    auto head = topology::decode_envelope(first);
    ASSERT_TRUE(head.ok());
    EXPECT_EQ(head->from, (topology::address{"cloud", "echo"}));
    EXPECT_EQ(head->type, topology::message_traits<topology::link_ack>::number);
  }

  rt::system engine;
  zmq_transport links;
  std::shared_ptr<shared_log> seen = std::make_shared<shared_log>();
  std::unique_ptr<rt::node> node;
};

TEST_F(hostile_peer, noise_is_counted_and_its_sender_cut_off) {
  rt::port_limits l;
  l.strikes = 5;
  start(l);
  auto bad = raw("bad#1");
  rng noise(1);
  for (int i = 0; i < 50; ++i) {
    std::vector<std::string> frames(1 + noise.below(4));
    for (auto& f : frames)
      for (auto n = noise.below(200); n > 0; --n) f += static_cast<char>(noise.below(256));
    put(bad, frames);
  }
  ASSERT_TRUE(eventually([](const auto& t) { return t.faults.malformed + t.faults.cut_off == 50; }));
  EXPECT_EQ(node->traffic().faults.malformed, 5u);
  EXPECT_EQ(node->traffic().faults.cut_offs, 1u);
  expect_alive();
}

TEST_F(hostile_peer, a_message_cut_short_or_bent_anywhere_ends_nothing) {
  rt::port_limits l;
  l.strikes = 1'000'000;
  start(l);
  auto bad = raw("bad#1");
  const auto whole = bytes_of(hello_from("bad"));
  std::uint64_t sent = 0;
  for (std::size_t f = 0; f < whole.size(); ++f)
    for (std::size_t i = 0; i < whole[f].size(); ++i) {
      auto cut = whole;
      cut[f].resize(i);
      put(bad, cut);
      auto bent = whole;
      bent[f][i] = static_cast<char>(bent[f][i] ^ 0x5a);
      put(bad, bent);
      sent += 2;
    }
  put(bad, {""});
  put(bad, {whole[0]});
  put(bad, std::vector<std::string>(200, "x"));
  sent += 3;
  ASSERT_TRUE(eventually([&](const auto& t) {
    return t.faults.malformed + t.faults.wrong_identity + t.faults.unknown_type +
               t.sum(rt::direction::in, {"bad", ""}, {"", ""}).messages ==
           sent;
  }));
  EXPECT_GT(node->traffic().faults.malformed, sent / 3);
  expect_alive();
}

TEST_F(hostile_peer, who_claims_to_be_another_is_not_heard) {
  start();
  auto bad = raw("bad#1");
  put(bad, bytes_of(hello_from("good")));
  auto nameless = raw("no mark in this id");
  put(nameless, bytes_of(hello_from("good")));
  auto lost = hello_from("bad");
  lost.head.to.node = "elsewhere";
  put(bad, bytes_of(lost));
  ASSERT_TRUE(eventually([](const auto& t) { return t.faults.wrong_identity == 3; }));
  expect_alive();
}

TEST_F(hostile_peer, an_unknown_type_is_answered_and_not_held_against_its_sender) {
  start();
  auto newer = raw("newer#1");
  auto p = hello_from("newer");
  auto frames = bytes_of(p);
  // encode() writes the type of the body, so a number of the future is patched in: link_hello is 1
  // and stands once as a small integer behind the protocol's version, itself 1.
  const std::string version_and_type("\x01\x01", 2);
  const auto at = frames[0].find(version_and_type);
  ASSERT_NE(at, std::string::npos);
  frames[0][at + 1] = 0x7b;
  for (int i = 0; i < 20; ++i) put(newer, frames);
  for (int answered = 0; answered < 20;) {
    zmq::pollitem_t item{newer.handle(), 0, ZMQ_POLLIN, 0};
    zmq::poll(&item, 1, 5000ms);
    const auto got = receive(newer, false, 64);
    ASSERT_TRUE(got.has_value());
    // Answers that waited together come together.
    std::vector<std::vector<shared_bytes>> parcels{got->frames};
    if (topology::is_bundle(got->frames.front())) {
      auto split = topology::split_bundle(got->frames.front());
      ASSERT_TRUE(split.ok()) << split.err().text();
      parcels.clear();
      for (std::size_t i = 0; i < split->size(); ++i) parcels.emplace_back((*split)[i].begin(), (*split)[i].end());
    }
    for (const auto& parcel : parcels) {
      auto answer = topology::decode(parcel);
      ASSERT_TRUE(answer.ok());
      const auto* e = std::get_if<topology::error_reply>(&*answer->body);
      ASSERT_NE(e, nullptr);
      EXPECT_EQ(e->refused_type, 0x7b);
      EXPECT_EQ(e->code, static_cast<std::uint8_t>(errc::unsupported));
      EXPECT_EQ(answer->head.correlation, 1u);
      ++answered;
    }
  }
  EXPECT_EQ(node->traffic().faults.unknown_type, 20u);
  EXPECT_EQ(node->traffic().faults.cut_offs, 0u);
}

TEST_F(hostile_peer, a_flood_for_a_role_fills_its_mailbox_and_no_more) {
  struct stuck_core : testing::quiet_core {
    std::shared_ptr<rt::latch> entered, release;
    void handle(const topology::address&, const topology::any_message&, time_point, actors::outbox&) override {
      entered->open();
      release->wait(20s);
    }
  };
  auto entered = std::make_shared<rt::latch>(), release = std::make_shared<rt::latch>();
  rt::port_limits l;
  l.mailbox_messages = 10;
  const rt::role_spec stuck{"stuck",
                            [entered, release] {
                              auto c = std::make_unique<stuck_core>();
                              c->entered = entered;
                              c->release = release;
                              return c;
                            },
                            rt::placement::own_thread,
                            {}};
  start(l, stuck);
  auto flood = raw("flood#1");
  topology::parcel p = hello_from("flood");
  p.head.to.role = "stuck";
  p.body = topology::stats_request{"all"};
  const auto frames = bytes_of(p);
  put(flood, frames);
  ASSERT_TRUE(entered->wait(20s));
  for (int i = 1; i < 3000; ++i) put(flood, frames);
  ASSERT_TRUE(eventually([](const auto& t) { return t.sum(rt::direction::in, {"flood", ""}, {"", ""}).messages == 3000; }));
  // One is being handled, ten wait.
  EXPECT_TRUE(eventually([](const auto& t) { return t.faults.mailbox_full == 3000 - 11; }));
  expect_alive();
  release->open();
}

TEST_F(hostile_peer, for_a_role_that_is_not_here_is_counted) {
  start();
  auto peer = raw("peer#1");
  auto p = hello_from("peer");
  p.head.to.role = "nobody";
  put(peer, bytes_of(p));
  ASSERT_TRUE(eventually([](const auto& t) { return t.faults.no_such_role == 1; }));
}

TEST(routing_ids, name_their_node) {
  EXPECT_EQ(node_of_routing_id(routing_id_of("cloud", epoch{7})), "cloud");
  EXPECT_EQ(node_of_routing_id(routing_id_of("a#b", epoch{7})), "a#b");
  EXPECT_EQ(node_of_routing_id("plain"), "");
  EXPECT_NE(routing_id_of("cloud", epoch{7}), routing_id_of("cloud", epoch{8}));
}

}  // namespace
}  // namespace freshet::port

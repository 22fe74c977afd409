// The enrolment desk's door: everybody may knock, one thing can be said.
#include "actors/port/enrolment_client.hpp"
#include "actors/port/enrolment_server.hpp"
#include "actors/port/inbound.hpp"
#include "actors/port/sockets.hpp"
#include "tests/support/link_keys.hpp"
#include "topology/wire/codec.hpp"

#include <atomic>

#include <gtest/gtest.h>
#include <zmq.hpp>

namespace freshet::port {
namespace {

using namespace std::chrono_literals;
using testing::draw_keys;

class enrolment : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened =
        enrolment_server::open(std::make_shared<socket_context>(), "tcp://127.0.0.1:*", "cloud", keys,
                               [this](const std::string& key, const std::string& address, const auto& asked) {
                                 ++questions;
                                 return topology::enrol_reply{asked.token == "right" && key == edge.public_key,
                                                              "why of " + asked.node, address};
                               });
    ASSERT_TRUE(opened.ok()) << opened.err().text();
    server = std::move(opened).value();
    at = {"cloud", server->endpoint(), keys.public_key};
  }

  rt::link_keys keys = draw_keys();
  rt::link_keys edge = draw_keys();
  std::atomic<int> questions{0};
  std::unique_ptr<enrolment_server> server;
  desk at;
};

TEST_F(enrolment, answers_under_the_key_that_asks) {
  const auto yes = ask_enrolment(at, edge, {"edge", "right", {}}, 10s);
  ASSERT_TRUE(yes.ok()) << yes.err().text();
  EXPECT_TRUE(yes->accepted);
  EXPECT_EQ(yes->trusted, "127.0.0.1");
  const auto no = ask_enrolment(at, draw_keys(), {"edge", "right", {}}, 10s);
  ASSERT_TRUE(no.ok());
  EXPECT_FALSE(no->accepted);
  EXPECT_EQ(no->why, "why of edge");
  EXPECT_EQ(questions, 2);
}

TEST_F(enrolment, a_token_is_not_told_to_a_server_with_another_key) {
  at.public_key = draw_keys().public_key;
  const auto got = ask_enrolment(at, edge, {"edge", "right", {}}, 500ms);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.err().code, errc::timeout);
  EXPECT_EQ(questions, 0);
}

TEST_F(enrolment, whoever_says_anything_else_is_not_heard) {
  zmq::context_t outside;
  zmq::socket_t s(outside, zmq::socket_type::dealer);
  s.set(zmq::sockopt::routing_id, "edge#1");
  s.set(zmq::sockopt::linger, 0);
  encrypt_as_client(s, edge, keys.public_key);
  s.connect(server->endpoint());
  topology::parcel p;
  p.head.from = {"edge", "port"};
  p.head.to = {"cloud", "port"};
  p.head.life = epoch{1};
  const auto put = [&](topology::any_message body) {
    p.body = std::move(body);
    const auto frames = topology::encode(p).value();
    for (std::size_t i = 0; i < frames.size(); ++i)
      ASSERT_TRUE(s.send(zmq::buffer(frames[i].data(), frames[i].bytes()),
                         i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none));
  };
  put(topology::stats_request{"all"});
  put(topology::link_hello{epoch{1}});
  put(topology::enrol_request{"edge", std::string(300, 'x'), {}});  // longer than a token can be
  s.send(zmq::str_buffer("noise"), zmq::send_flags::none);
  put(topology::enrol_request{"edge", "right", {}});
  // The only answer is that to the only question.
  zmq::pollitem_t item{s.handle(), 0, ZMQ_POLLIN, 0};
  ASSERT_EQ(zmq::poll(&item, 1, 10s), 1);
  const auto message = receive(s, false, 4);
  ASSERT_TRUE(message.has_value());
  const auto reply = topology::decode(message->frames);
  ASSERT_TRUE(reply.ok());
  EXPECT_TRUE(std::get<topology::enrol_reply>(*reply->body).accepted);
  EXPECT_EQ(questions, 1);
  // What is beyond every size ends the connection, not the server.
  s.send(zmq::buffer(std::string(100'000, 'x')), zmq::send_flags::none);
  EXPECT_TRUE(ask_enrolment(at, edge, {"edge", "right", {}}, 10s).ok());
}

TEST_F(enrolment, plain_peers_do_not_get_through_the_handshake) {
  zmq::context_t outside;
  zmq::socket_t s(outside, zmq::socket_type::dealer);
  s.set(zmq::sockopt::linger, 0);
  s.connect(server->endpoint());
  s.send(zmq::str_buffer("hello"), zmq::send_flags::none);
  EXPECT_TRUE(ask_enrolment(at, edge, {"edge", "right", {}}, 10s)->accepted);
  EXPECT_EQ(questions, 1);
}

}  // namespace
}  // namespace freshet::port

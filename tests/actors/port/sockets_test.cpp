#include "actors/port/sockets.hpp"

#include <gtest/gtest.h>

#include <zmq.hpp>

namespace freshet::port {
namespace {

struct pair_of_sockets {
  zmq::context_t context;
  zmq::socket_t router = make_router(context, {});
  zmq::socket_t dealer;
  explicit pair_of_sockets(const std::string& endpoint, rt::port_limits limits = {})
      : router(make_router(context, limits)), dealer(make_dealer(context, limits, "peer#1")) {
    auto at = bind(router, endpoint);
    EXPECT_TRUE(at.ok());
    EXPECT_TRUE(connect(dealer, *at).ok());
  }
  std::optional<received> next(zmq::socket_t& s, bool from_router, std::size_t frames = 64) {
    zmq::pollitem_t item{s.handle(), 0, ZMQ_POLLIN, 0};
    zmq::poll(&item, 1, std::chrono::milliseconds(5000));
    return receive(s, from_router, frames);
  }
  void send_waiting(zmq::socket_t& s, const std::string* id, const std::vector<shared_bytes>& frames) {
    zmq::pollitem_t item{s.handle(), 0, ZMQ_POLLOUT, 0};
    zmq::poll(&item, 1, std::chrono::milliseconds(5000));
    ASSERT_EQ(send(s, id, frames), send_outcome::sent);
  }
};

std::vector<shared_bytes> some_frames() {
  return {host_tensor::of(std::vector<std::uint8_t>{1, 2, 3}), host_tensor::of(std::vector<std::uint8_t>(300, 7)),
          host_tensor::of(std::vector<std::uint8_t>(100'000, 9)), host_tensor::of(std::vector<std::uint8_t>{})};
}

TEST(sockets, pass_frames_unchanged_over_each_transport) {
  for (const char* endpoint : {"inproc://s", "tcp://127.0.0.1:*"}) {
    pair_of_sockets s(endpoint);
    const auto frames = some_frames();
    s.send_waiting(s.dealer, nullptr, frames);
    auto got = s.next(s.router, true);
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(got->routing_id, "peer#1");
    ASSERT_EQ(got->frames.size(), frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i)
      EXPECT_EQ(std::vector<std::uint8_t>(got->frames[i].data(), got->frames[i].data() + got->frames[i].bytes()),
                std::vector<std::uint8_t>(frames[i].data(), frames[i].data() + frames[i].bytes()));
    // Frame headers of ZMTP: 2 bytes up to 255 bytes of content, 9 beyond.
    EXPECT_EQ(got->wire_bytes, (3u + 2) + (300 + 9) + (100'000 + 9) + (0 + 2));
    EXPECT_EQ(got->wire_bytes, wire_bytes(frames));
    // And back, by routing id.
    s.send_waiting(s.router, &got->routing_id, frames);
    auto back = s.next(s.dealer, false);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->frames.size(), frames.size());
  }
}

TEST(sockets, share_memory_over_inproc_and_let_go_of_it) {
  auto items = std::make_shared<std::vector<std::uint8_t>>(4096, std::uint8_t{5});
  std::weak_ptr<const void> watched = items;
  {
    pair_of_sockets s("inproc://s");
    auto tensor = host_tensor::adopt(dtype::u8, {4096}, items, items->data(), 4096);
    ASSERT_TRUE(tensor.ok());
    const void* at = items->data();
    items.reset();
    s.send_waiting(s.dealer, nullptr, {*tensor});
    tensor = host_tensor();
    auto got = s.next(s.router, true);
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(static_cast<const void*>(got->frames[0].data()), at);
    EXPECT_FALSE(watched.expired());
  }
  EXPECT_TRUE(watched.expired());
}

TEST(sockets, read_past_too_many_frames) {
  pair_of_sockets s("inproc://s");
  s.send_waiting(s.dealer, nullptr, std::vector<shared_bytes>(100, host_tensor::of(std::vector<std::uint8_t>{1})));
  s.send_waiting(s.dealer, nullptr, some_frames());
  auto got = s.next(s.router, true, 10);
  ASSERT_TRUE(got.has_value());
  EXPECT_TRUE(got->too_many_frames);
  EXPECT_EQ(got->frames.size(), 10u);
  auto second = s.next(s.router, true, 10);
  ASSERT_TRUE(second.has_value());
  EXPECT_FALSE(second->too_many_frames);
  EXPECT_EQ(second->frames.size(), 4u);
}

TEST(sockets, say_who_is_not_there_and_what_does_not_fit_yet) {
  rt::port_limits narrow;
  narrow.socket_queue_messages = 2;
  pair_of_sockets s("inproc://s", narrow);
  const std::string nobody = "nobody#1";
  EXPECT_EQ(send(s.router, &nobody, some_frames()), send_outcome::unreachable);
  int sent = 0;
  while (send(s.dealer, nullptr, some_frames()) == send_outcome::sent) ASSERT_LT(++sent, 100);
  EXPECT_GE(sent, 2);
  // Nothing was lost or torn: exactly what was taken arrives.
  for (int i = 0; i < sent; ++i) {
    auto got = s.next(s.router, true);
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(got->frames.size(), 4u);
  }
  EXPECT_FALSE(receive(s.router, true, 64).has_value());
}

TEST(sockets, a_dealer_without_a_connection_takes_nothing) {
  zmq::context_t context;
  auto dealer = make_dealer(context, {}, "x#1");
  ASSERT_TRUE(connect(dealer, "ipc:///tmp/freshet-nobody-listens-here").ok());
  EXPECT_EQ(send(dealer, nullptr, some_frames()), send_outcome::would_block);
}

}  // namespace
}  // namespace freshet::port

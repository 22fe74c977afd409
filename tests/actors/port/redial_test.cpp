// Dials that follow a lost connection: ever rarer, and no two sockets at the same moments.
#include "actors/port/sockets.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include <gtest/gtest.h>

#include <zmq.hpp>

namespace freshet::port {
namespace {

TEST(redial, pauses_of_a_fleet_are_spread) {
  std::array<int, 20> tenths{};  // of a second; the last pause of each of a thousand devices
  for (std::uint64_t lot = 0; lot < 1000; ++lot) {
    const redial_pauses p = draw_redial_pauses(lot);
    ASSERT_GE(p.first_ms, 50);
    ASSERT_LT(p.first_ms, 100);
    ASSERT_GE(p.most_ms, 1000);
    ASSERT_LT(p.most_ms, 3000);
    ++tenths[static_cast<std::size_t>((p.most_ms - 1000) / 100)];
  }
  // Fifty are expected in each tenth; all thousand would stand in one without the lot.
  EXPECT_LT(*std::max_element(tenths.begin(), tenths.end()), 90);
  EXPECT_GT(*std::min_element(tenths.begin(), tenths.end()), 20);
}

// The pauses that ZeroMQ itself announces, of sockets that dial a port where nobody listens.
TEST(redial, a_socket_without_a_peer_dials_ever_more_rarely_and_not_together_with_another) {
  zmq::context_t context;
  std::string closed;
  {
    zmq::socket_t nobody(context, zmq::socket_type::router);
    nobody.set(zmq::sockopt::linger, 0);
    closed = bind(nobody, "tcp://127.0.0.1:*").value();
  }
  constexpr std::size_t sockets = 6;
  std::vector<zmq::socket_t> dealers, watches;
  for (std::size_t i = 0; i < sockets; ++i) {
    dealers.push_back(make_dealer(context, {}, "peer#" + std::to_string(i)));
    const std::string where = "inproc://watch-" + std::to_string(i);
    ASSERT_EQ(zmq_socket_monitor(dealers.back().handle(), where.c_str(), ZMQ_EVENT_CONNECT_RETRIED), 0);
    watches.emplace_back(context, zmq::socket_type::pair);
    watches.back().connect(where);
    ASSERT_TRUE(connect(dealers.back(), closed).ok());
  }
  std::set<std::uint32_t> thirds;
  for (auto& watch : watches) {
    std::vector<std::uint32_t> pauses;
    while (pauses.size() < 4) {
      zmq::pollitem_t item{watch.handle(), 0, ZMQ_POLLIN, 0};
      ASSERT_GT(zmq::poll(&item, 1, std::chrono::seconds(20)), 0) << "no dial";
      zmq::message_t event, where;
      ASSERT_TRUE(watch.recv(event).has_value());
      ASSERT_TRUE(watch.recv(where).has_value());
      std::uint32_t pause_ms = 0;
      std::memcpy(&pause_ms, event.data<char>() + sizeof(std::uint16_t), sizeof pause_ms);
      pauses.push_back(pause_ms);
    }
    // The random part may be as long as the first pause: over two doublings it cannot hide the growth.
    EXPECT_GT(pauses[2], pauses[0]);
    EXPECT_GT(pauses[3], pauses[1]);
    thirds.insert(pauses[3]);
  }
  EXPECT_GE(thirds.size(), sockets / 2) << "most dial at moments of their own";
}

}  // namespace
}  // namespace freshet::port

#include "actors/port/send_queue.hpp"

#include <gtest/gtest.h>

#include "kernels/base/rng.hpp"

namespace freshet::port {
namespace {

outgoing message(bool control, std::uint64_t bytes, const std::string& tag) {
  outgoing o;
  o.control = control;
  o.wire_bytes = bytes;
  o.to = {"peer", tag};
  return o;
}

rt::queue_limits small() { return {3, 100, 2, 1000}; }

TEST(send_queue, control_overtakes_bulk_and_each_keeps_its_order) {
  send_queue q(small());
  q.push(message(false, 10, "b1"));
  q.push(message(true, 10, "c1"));
  q.push(message(false, 10, "b2"));
  q.push(message(true, 10, "c2"));
  std::vector<std::string> order;
  for (; !q.empty(); q.pop()) order.push_back(q.front().to.role);
  EXPECT_EQ(order, (std::vector<std::string>{"c1", "c2", "b1", "b2"}));
}

TEST(send_queue, full_of_control_it_forgets_the_oldest) {
  send_queue q(small());
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(q.push(message(true, 10, "c" + std::to_string(i))).control, 0u);
  EXPECT_EQ(q.push(message(true, 10, "c4")).control, 1u);
  EXPECT_EQ(q.front().to.role, "c2");
  EXPECT_EQ(q.push(message(true, 95, "c5")).control, 3u);  // by bytes: nothing fits beside it
  EXPECT_EQ(q.messages(), 1u);
}

TEST(send_queue, full_of_bulk_it_takes_no_more) {
  send_queue q(small());
  q.push(message(false, 10, "b1"));
  q.push(message(false, 10, "b2"));
  EXPECT_EQ(q.push(message(false, 10, "b3")).bulk, 1u);
  EXPECT_EQ(q.front().to.role, "b1");
  EXPECT_EQ(q.messages(), 2u);
}

TEST(send_queue, one_message_fits_whatever_its_size) {
  send_queue q(small());
  EXPECT_EQ(q.push(message(false, 1'000'000, "b")).bulk, 0u);
  EXPECT_EQ(q.push(message(true, 1'000'000, "c")).control, 0u);
  EXPECT_EQ(q.bytes(), 2'000'000u);
}

TEST(send_queue, never_exceeds_its_bounds_and_counts_what_it_holds) {
  rng draw(3);
  send_queue q(small());
  std::uint64_t in = 0, out = 0, dropped = 0;
  for (int i = 0; i < 5000; ++i) {
    if (draw.chance(0.4) && !q.empty()) {
      q.pop();
      ++out;
    } else {
      const auto d = q.push(message(draw.chance(0.5), draw.below(60), "x"));
      ++in;
      dropped += d.control + d.bulk;
    }
    ASSERT_LE(q.messages(), 5u);
    ASSERT_EQ(q.messages(), in - out - dropped);
    if (q.empty()) {
      ASSERT_EQ(q.bytes(), 0u);
    }
  }
}

}  // namespace
}  // namespace freshet::port

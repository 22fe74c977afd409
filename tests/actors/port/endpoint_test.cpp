#include "actors/port/endpoint.hpp"

#include <gtest/gtest.h>

namespace freshet::port {
namespace {

TEST(endpoint, takes_local_ones) {
  for (const char* e : {"inproc://cloud", "ipc:///run/freshet.sock", "tcp://127.0.0.1:5555", "tcp://127.8.9.1:1",
                        "tcp://localhost:65535", "tcp://[::1]:7000"})
    EXPECT_TRUE(check_endpoint(e, false).ok()) << e;
  EXPECT_TRUE(check_endpoint("tcp://127.0.0.1:*", true).ok());
  EXPECT_TRUE(check_endpoint("tcp://127.0.0.1:0", true).ok());
}

TEST(endpoint, refuses_the_rest_and_names_it) {
  for (const char* e :
       {"", "cloud", "://x", "udp://127.0.0.1:1", "inproc://", "tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://127.0.0.1:65536",
        "tcp://127.0.0.1:5x", "tcp://127.0.0.1:-1", "tcp://*:5555", "tcp://0.0.0.0:5555", "tcp://192.168.0.1:5555",
        "tcp://eth0:5555", "tcp://[::]:5555", "tcp://[::ffff:127.0.0.1]:5555", "tcp://127.0.0.1.evil.org:1",
        "tcp://127.1:5555", "pgm://127.0.0.1:5555"}) {
    auto r = check_endpoint(e, true);
    ASSERT_FALSE(r.ok()) << e;
    EXPECT_EQ(r.err().code, errc::invalid_argument);
    EXPECT_NE(r.err().context.find(e), std::string::npos) << e;
  }
  EXPECT_FALSE(check_endpoint("tcp://127.0.0.1:*", false).ok());
  EXPECT_FALSE(check_endpoint("ipc://" + std::string(108, 'a'), true).ok());
  EXPECT_FALSE(check_endpoint(std::string("ipc:///a\0b", 10), true).ok());
}

}  // namespace
}  // namespace freshet::port

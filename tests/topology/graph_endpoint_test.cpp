#include "topology/graph/endpoint.hpp"

#include <gtest/gtest.h>

namespace freshet::topology {
namespace {

TEST(endpoint, is_taken_apart_and_put_together) {
  for (const char* text : {"ipc:///run/freshet/a b.sock", "ipc://rel.sock", "tcp://127.0.0.1:5555", "tcp://[::1]:1",
                           "tcp://localhost:65535", "inproc://cloud"}) {
    const auto e = parse_endpoint(text);
    ASSERT_TRUE(e.ok()) << text;
    EXPECT_EQ(e->text(), text);
  }
  EXPECT_TRUE(parse_endpoint("tcp://localhost:80").value() == (endpoint{endpoint_kind::tcp, "localhost", 80}));
}

TEST(endpoint, refuses_what_is_none) {
  for (const char* text : {"", "cloud", "ipc://", "tcp://", "tcp://host", "tcp://:80", "tcp://h:0", "tcp://h:65536", "tcp://h:*",
                           "tcp://h:80x", "tcp://h:-1", "tcp://a b:80", "udp://h:80", "IPC://x", "tcp://h:"})
    EXPECT_FALSE(parse_endpoint(text).ok()) << text;
}

TEST(endpoint, loopback_is_an_address_not_a_prefix) {
  for (const char* host : {"127.0.0.1", "127.1.2.3", "127.255.255.255", "localhost", "[::1]"})
    EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host : {"", "*", "0.0.0.0", "127", "127.0.0", "127.0.0.1.2", "127.0.0.256", "127.example.org", "127.0.0.1x",
                           "128.0.0.1", "localhost.example.org", "127.0..1", "eth0", "127.0.0.-1", "127.0.0.1."})
    EXPECT_FALSE(is_loopback(host)) << host;
}

}  // namespace
}  // namespace freshet::topology

#include "tools/freshet/service/http_server.hpp"

#include "tests/support/temporary_folder.hpp"
#include "tools/freshet/service/unix_address.hpp"

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace freshet::cli {
namespace {

using namespace std::chrono_literals;

http_pages pages() {
  http_pages p;
  p["/hello"] = [](const http_request& r) {
    return http_page{r.parameters.count("bad") > 0 ? 503 : 200, "text/plain",
                     r.parameters.count("verbose") > 0 ? "long\n" : "short\n"};
  };
  p["/throws"] = [](const http_request&) -> http_page { throw std::runtime_error("no"); };
  return p;
}

config::service_address loopback() { return *config::parse_service_address("127.0.0.1:0"); }

int connected_to(const std::string& address) {
  const int port = std::stoi(address.substr(address.rfind(':') + 1));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  const int file = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(::connect(file, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  return file;
}

/// All that the server says until it closes.
std::string rest_of(int file) {
  std::string out;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = ::recv(file, buffer, sizeof buffer, 0)) > 0) out.append(buffer, static_cast<std::size_t>(got));
  ::close(file);
  return out;
}

std::string exchange(int file, const std::string& request) {
  [[maybe_unused]] const ssize_t sent = ::send(file, request.data(), request.size(), MSG_NOSIGNAL);
  return rest_of(file);
}

TEST(http_server, serves_its_pages_and_nothing_else) {
  auto server = http_server::start(loopback(), pages());
  ASSERT_TRUE(server.ok()) << server.err().text();
  const std::string at = server.value()->address();
  const auto get = [&](const std::string& target) {
    return exchange(connected_to(at), "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
  };
  EXPECT_EQ(get("/hello").rfind("HTTP/1.1 200", 0), 0U);
  EXPECT_NE(get("/hello").find("\r\n\r\nshort\n"), std::string::npos);
  EXPECT_NE(get("/hello?verbose").find("\r\n\r\nlong\n"), std::string::npos);
  EXPECT_EQ(get("/hello?bad").rfind("HTTP/1.1 503", 0), 0U);
  EXPECT_EQ(get("/other").rfind("HTTP/1.1 404", 0), 0U);
  EXPECT_EQ(get("/hello/../../etc/passwd").rfind("HTTP/1.1 404", 0), 0U);
  EXPECT_EQ(get("/throws").rfind("HTTP/1.1 500", 0), 0U);
  const std::string head = exchange(connected_to(at), "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(head.rfind("HTTP/1.1 200", 0), 0U);
  EXPECT_EQ(head.find("short"), std::string::npos);
  EXPECT_EQ(
      exchange(connected_to(at), "POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc").find("200 OK"),
      std::string::npos);
  EXPECT_NE(exchange(connected_to(at), "noise\r\n\r\n").rfind("HTTP/1.1 200", 0), 0U);
}

TEST(http_server, who_feeds_it_slowly_is_cut_off_and_the_others_are_served) {
  http_limits limits;
  limits.connections = 2;
  limits.exchange = 300ms;
  auto server = http_server::start(loopback(), pages(), limits);
  ASSERT_TRUE(server.ok());
  const std::string at = server.value()->address();
  // Both of its threads are held, and more wait: all get their turn within the bound, and none for ever.
  std::vector<int> slow;
  for (int i = 0; i < 6; ++i) {
    slow.push_back(connected_to(at));
    ASSERT_GT(::send(slow.back(), "GET /hel", 8, MSG_NOSIGNAL), 0);
  }
  EXPECT_NE(exchange(connected_to(at), "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").find("short"), std::string::npos);
  for (const int file : slow) EXPECT_EQ(rest_of(file).find("short"), std::string::npos);
}

TEST(http_server, a_request_has_a_largest_size) {
  auto server = http_server::start(loopback(), pages());
  ASSERT_TRUE(server.ok());
  const std::string at = server.value()->address();
  std::string headers;
  for (int i = 0; i < 5000; ++i) headers += "X-" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(exchange(connected_to(at), "GET /hello HTTP/1.1\r\n" + headers + "\r\n").find("short"), std::string::npos);
  EXPECT_EQ(exchange(connected_to(at), "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n").find("200 OK"),
            std::string::npos);
  EXPECT_NE(exchange(connected_to(at), "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").find("short"), std::string::npos);
}

TEST(http_server, stops_while_a_connection_is_open) {
  auto server = http_server::start(loopback(), pages(), {4, 1024, 600s});
  ASSERT_TRUE(server.ok());
  const int file = connected_to(server.value()->address());
  ::send(file, "GET", 3, MSG_NOSIGNAL);
  const auto begun = std::chrono::steady_clock::now();
  server.value().reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 60s);
  ::close(file);
}

TEST(http_server, serves_a_local_socket_replaces_a_dead_one_and_touches_nothing_else) {
  const test::temporary_folder folder;
  config::service_address where;
  where.path = (folder.path() / "http.sock").string();
  const auto get = [&] {
    const int file = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = unix_address_of(where.path);
    EXPECT_EQ(::connect(file, address->get(), address->size), 0);
    return exchange(file, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  };
  // A socket that was left by a process that was killed.
  const int dead = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(dead, unix_address_of(where.path)->get(), unix_address_of(where.path)->size), 0);
  ::close(dead);
  {
    auto server = http_server::start(where, pages());
    ASSERT_TRUE(server.ok()) << server.err().text();
    struct stat seen {};
    ASSERT_EQ(::stat(where.path.c_str(), &seen), 0);
    EXPECT_EQ(seen.st_mode & 0777U, 0660U);
    EXPECT_NE(get().find("short"), std::string::npos);
    const auto second = http_server::start(where, pages());
    ASSERT_FALSE(second.ok());
    EXPECT_NE(second.err().text().find("another program serves there"), std::string::npos);
    EXPECT_NE(get().find("short"), std::string::npos);
  }
  EXPECT_NE(::access(where.path.c_str(), F_OK), 0);
  std::ofstream(where.path) << "precious";
  EXPECT_FALSE(http_server::start(where, pages()).ok());
  std::string kept;
  std::ifstream(where.path) >> kept;
  EXPECT_EQ(kept, "precious");
}

TEST(http_server, a_port_in_use_is_an_error_with_its_name) {
  auto first = http_server::start(loopback(), pages());
  ASSERT_TRUE(first.ok());
  const std::string at = first.value()->address();
  const auto second =
      http_server::start(*config::parse_service_address("127.0.0.1:" + at.substr(at.rfind(':') + 1)), pages());
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.err().text().find(at), std::string::npos) << second.err().text();
}

}  // namespace
}  // namespace freshet::cli

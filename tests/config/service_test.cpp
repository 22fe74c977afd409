#include "config/schema/service.hpp"

#include "config/document.hpp"

#include <gtest/gtest.h>

namespace freshet::config {
namespace {

/// Problems of a document that says this in [service]; empty when it is right.
std::string problems_of(const std::string& lines, service_settings* read = nullptr) {
  problems found("f.toml");
  const auto doc = read_document("[service]\n" + lines + "\n", found);
  if (doc && read != nullptr) *read = doc->service;
  return found.empty() ? "" : found.as_error().context;
}

TEST(service, takes_local_sockets_and_loopback_addresses) {
  for (const char* text : {"unix://http.sock", "unix:///run/freshet/http.sock", "127.0.0.1:9464", "127.8.0.1:0",
                           "[::1]:9464", "localhost:80", ""}) {
    service_settings s;
    EXPECT_EQ(problems_of("listen = \"" + std::string(text) + "\"", &s), "") << text;
    EXPECT_EQ(s.listen, text);
  }
  EXPECT_EQ(parse_service_address("[::1]:9464")->host, "::1");
  EXPECT_EQ(parse_service_address("127.0.0.1:9464")->port, 9464);
}

TEST(service, refuses_what_is_no_address_and_says_what_is) {
  for (const char* text : {"9464", "unix://", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
                           "example.org:80", "::1:80", "[127.0.0.1]:80", "127.0.0.1:80/x", "http://127.0.0.1:80"}) {
    const std::string why = problems_of("listen = \"" + std::string(text) + "\"");
    EXPECT_NE(why.find("f.toml:2:"), std::string::npos) << text << ": " << why;
    EXPECT_NE(why.find("unix://PATH"), std::string::npos) << text << ": " << why;
  }
}

TEST(service, an_address_that_others_can_reach_must_be_allowed) {
  for (const char* text : {"0.0.0.0:9464", "192.168.0.7:9464", "[::]:9464", "[fe80::1]:9464"}) {
    const std::string line = "listen = \"" + std::string(text) + "\"";
    EXPECT_NE(problems_of(line).find("insecure = true"), std::string::npos) << text;
    EXPECT_EQ(problems_of(line + "\ninsecure = true"), "") << text;
  }
}

TEST(service, a_node_is_called_late_before_it_is_killed) {
  EXPECT_NE(problems_of("answer_within = \"10s\"\nhung_after = \"10s\"").find("not above answer_within"),
            std::string::npos);
}

}  // namespace
}  // namespace freshet::config

#include "actors/port/endpoint.hpp"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

namespace freshet::port {

namespace {

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool is_port(std::string_view text, bool wildcard) {
  if (text == "*" || text == "0") return wildcard;
  unsigned number = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc{} && end == text.data() + text.size() && number >= 1 && number <= 65535;
}

error refusal(std::string_view endpoint, std::string_view why) {
  return error{errc::invalid_argument, "endpoint \"" + std::string(endpoint) + "\": " + std::string(why)};
}

result<void> check_tcp(std::string_view endpoint, std::string_view rest, bool wildcard_port, bool encrypted) {
  const auto colon = rest.rfind(':');
  if (colon == std::string_view::npos) return refusal(endpoint, "tcp needs host:port");
  if (!is_port(rest.substr(colon + 1), wildcard_port))
    return refusal(endpoint, wildcard_port ? "the port is 1 to 65535, or * for any" : "the port is 1 to 65535");
  std::string host(rest.substr(0, colon));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty()) return refusal(endpoint, "tcp needs host:port");
  if (!encrypted && !is_loopback(host))
    return refusal(endpoint,
                   "a plain tcp link must stay on this machine: use 127.0.0.1, [::1] or localhost, or give the node keys");
  return {};
}

}  // namespace

result<void> check_endpoint(std::string_view endpoint, bool wildcard_port, bool encrypted) {
  if (endpoint.find('\0') != std::string_view::npos) return refusal(endpoint, "holds a zero byte");
  const auto mark = endpoint.find("://");
  if (mark == std::string_view::npos) return refusal(endpoint, "expected inproc://name, ipc://path or tcp://host:port");
  const auto scheme = endpoint.substr(0, mark);
  const auto rest = endpoint.substr(mark + 3);
  if (rest.empty()) return refusal(endpoint, "nothing follows the scheme");
  if (scheme == "tcp") return check_tcp(endpoint, rest, wildcard_port, encrypted);
  if (scheme == "inproc") return rest.size() <= 255 ? result<void>{} : refusal(endpoint, "longer than 255 bytes");
  // A socket's path has to fit into sockaddr_un.
  if (scheme == "ipc") return rest.size() <= 107 ? result<void>{} : refusal(endpoint, "path longer than 107 bytes");
  return refusal(endpoint, "the scheme is inproc, ipc or tcp");
}

}  // namespace freshet::port

#include "topology/graph/endpoint.hpp"

#include <charconv>

namespace freshet::topology {
namespace {

constexpr std::string_view forms = "write ipc://PATH or tcp://HOST:PORT";

bool take(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool has_odd_characters(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return true;
  return false;
}

}  // namespace

std::string endpoint::text() const {
  switch (kind) {
    case endpoint_kind::ipc: return "ipc://" + where;
    case endpoint_kind::inproc: return "inproc://" + where;
    case endpoint_kind::tcp: break;
  }
  return "tcp://" + where + ":" + std::to_string(port);
}

result<endpoint> parse_endpoint(std::string_view text) {
  endpoint e;
  if (take(text, "ipc://")) {
    e.kind = endpoint_kind::ipc;
  } else if (take(text, "tcp://")) {
    e.kind = endpoint_kind::tcp;
  } else if (take(text, "inproc://")) {
    e.kind = endpoint_kind::inproc;
  } else {
    return error{errc::invalid_argument, "names no transport; " + std::string(forms)};
  }
  if (text.empty()) return error{errc::invalid_argument, "names no place; " + std::string(forms)};
  // A folder may have spaces in its name; control characters are never meant.
  if (e.kind != endpoint_kind::ipc && has_odd_characters(text))
    return error{errc::invalid_argument, "has spaces or control characters; " + std::string(forms)};
  if (e.kind == endpoint_kind::tcp) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0)
      return error{errc::invalid_argument, "names no port; write tcp://HOST:PORT"};
    const std::string_view digits = text.substr(colon + 1);
    std::uint16_t port = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size() || port == 0)
      return error{errc::invalid_argument, "the port must be a number from 1 to 65535"};
    e.port = port;
    text = text.substr(0, colon);
  }
  e.where = std::string(text);
  return e;
}

bool is_wildcard(std::string_view host) noexcept { return host == "*" || host == "0.0.0.0" || host == "[::]"; }

bool is_loopback(std::string_view host) noexcept {
  if (host == "localhost" || host == "[::1]") return true;
  // Exactly four numbers that begin with 127: a name such as 127.example.org is somewhere else.
  std::size_t parts = 0;
  std::size_t at = 0;
  while (at <= host.size()) {
    const std::size_t end = host.find('.', at) == std::string_view::npos ? host.size() : host.find('.', at);
    unsigned number = 0;
    const auto parsed = std::from_chars(host.data() + at, host.data() + end, number);
    if (parsed.ec != std::errc{} || parsed.ptr != host.data() + end || number > 255) return false;
    if (parts == 0 && number != 127) return false;
    ++parts;
    at = end + 1;
  }
  return parts == 4;
}

}  // namespace freshet::topology

// Settings of the daemon as a service: where it answers operators over HTTP, and when it counts as ill.
#pragma once

#include "config/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace freshet::config {

/// Where HTTP is served: a local socket, or a host as a number (or localhost) with a port.
struct service_address {
  std::string path;  ///< of a local socket; empty: tcp
  std::string host;
  std::uint16_t port = 0;  ///< 0: the system chooses

  /// 127.0.0.0/8, ::1 or localhost, and every local socket.
  [[nodiscard]] bool is_local() const;
};

/// "unix://PATH", "127.0.0.1:9464", "[::1]:9464", "localhost:9464"; nothing for all else.
[[nodiscard]] std::optional<service_address> parse_service_address(std::string_view text);

struct service_settings {
  std::string listen = "unix://http.sock";
  bool insecure = false;
  milliseconds answer_within = milliseconds(5000);
  milliseconds hung_after = milliseconds(30'000);
  byte_count disk_low = byte_count(100'000'000);

  static void describe(schema<service_settings>& s);
};

}  // namespace freshet::config

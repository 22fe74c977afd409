// Where a node listens: "ipc://PATH", "tcp://HOST:PORT" or "inproc://NAME", taken apart and judged.
// Thread contract: pure functions of their arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/base/fields.hpp"
#include "kernels/base/result.hpp"

namespace freshet::topology {

enum class endpoint_kind : std::uint8_t { ipc, tcp, inproc };

struct endpoint {
  endpoint_kind kind = endpoint_kind::ipc;
  std::string where;        ///< path, host or name
  std::uint16_t port = 0;   ///< of tcp
  FRESHET_FIELDS(kind, where, port)

  [[nodiscard]] std::string text() const;
};

/// A path in a local socket's address, its end mark not counted (struct sockaddr_un).
inline constexpr std::size_t longest_ipc_path = 107;

/// The error says what is wrong and what would be right; it does not repeat the text.
result<endpoint> parse_endpoint(std::string_view text);

/// 127.0.0.0/8, ::1 or localhost.
[[nodiscard]] bool is_loopback(std::string_view host) noexcept;
/// All addresses of a host at once: fine to listen on, nothing to connect to.
[[nodiscard]] bool is_wildcard(std::string_view host) noexcept;

}  // namespace freshet::topology

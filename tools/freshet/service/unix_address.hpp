// The address of a local socket, for the system's calls.
// Thread contract: pure functions.
#pragma once

#include "kernels/base/result.hpp"

#include <cstddef>
#include <cstring>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>

namespace freshet::cli {

struct unix_address {
  sockaddr_un storage{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// A path, or a leading NUL and an abstract name.
inline result<unix_address> unix_address_of(const std::string& name) {
  unix_address out;
  if (name.empty() || name.size() >= sizeof(out.storage.sun_path))
    return error{errc::invalid_argument, "local socket " + name + ": a name of 1 to " +
                                             std::to_string(sizeof(out.storage.sun_path) - 1) + " bytes is right"};
  out.storage.sun_family = AF_UNIX;
  std::memcpy(out.storage.sun_path, name.data(), name.size());
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (name.front() == '\0' ? 0 : 1));
  return out;
}

}  // namespace freshet::cli

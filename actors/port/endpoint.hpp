// Where a node listens or connects: inproc://name, ipc://path, tcp://host:port. A tcp endpoint that
// is not encrypted has to be loopback: nothing hides what it carries or says who is there.
#pragma once

#include <string>
#include <string_view>

#include "kernels/base/result.hpp"

namespace freshet::port {

/// `wildcard_port`: a listener may leave the choice of the port ("*" or "0") to the system.
/// `encrypted`: the link will be CURVE.
result<void> check_endpoint(std::string_view endpoint, bool wildcard_port, bool encrypted = false);

[[nodiscard]] inline bool is_inproc(std::string_view endpoint) { return endpoint.substr(0, 9) == "inproc://"; }
[[nodiscard]] inline bool is_ipc(std::string_view endpoint) { return endpoint.substr(0, 6) == "ipc://"; }
[[nodiscard]] inline bool is_tcp(std::string_view endpoint) { return endpoint.substr(0, 6) == "tcp://"; }

}  // namespace freshet::port

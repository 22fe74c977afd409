// The PORT: one blocking actor a node, the only code of a running engine that touches sockets.
// It sleeps in one poll over all of them and over its own mailbox, whose arrivals write an eventfd.
// Thread contract: open_port from any thread; the rest happens in the actor's own.
#pragma once

#include <memory>

#include "actors/port/socket_context.hpp"
#include "actors/rt/opened_port.hpp"
#include "actors/rt/system.hpp"
#include "actors/rt/transport.hpp"

namespace freshet::port {

/// Returns when the endpoints are bound, or with the first error and nothing running.
result<std::shared_ptr<rt::opened_port>> open_port(rt::system& engine, std::shared_ptr<socket_context> context,
                                                   rt::port_config config);

}  // namespace freshet::port

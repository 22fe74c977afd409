// What a transport hands back: the running PORT of one node.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/protocols.hpp"
#include "actors/rt/latch.hpp"
#include "actors/rt/traffic.hpp"

namespace freshet::rt {

struct opened_port {
  actors::port_handle handle;
  std::vector<std::string> endpoints;      ///< as bound: wildcards resolved, in the order of `listen`
  std::shared_ptr<traffic_meter> traffic;
  std::shared_ptr<latch> closed;           ///< opened once all sockets are closed and endpoints free
};

}  // namespace freshet::rt

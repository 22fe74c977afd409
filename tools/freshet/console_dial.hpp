// A console's way into a running daemon: where to knock, under what name, with which key. Shared by all
// commands that talk to roles.
// Thread contract: plain values; a socket belongs to one thread.
#pragma once

#include "actors/rt/transport.hpp"
#include "kernels/base/result.hpp"
#include "topology/graph/graph.hpp"
#include "topology/message/address.hpp"

#include <string>

#include <zmq.hpp>

namespace freshet::cli {

struct console_target {
  std::string endpoint;
  std::string public_key;  ///< hexadecimal; empty: a plain link
  std::string state_dir;   ///< where a console's own key is looked for
};
/// A local socket that is there, before one of the network. Fails when the node listens nowhere.
result<console_target> target_of(const topology::graph& graph, const std::string& node);

struct console_dial {
  topology::address self;  ///< unlike that of any console before
  epoch life;
  zmq::socket_t socket;
};
/// Connects; whether anybody is there shows when something is sent.
result<console_dial> dial(zmq::context_t& context, const rt::port_limits& limits, const console_target& target);

}  // namespace freshet::cli

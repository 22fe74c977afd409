// The reference of the link measurements: a DEALER and a ROUTER of plain cppzmq that carry the same
// frames, ready made, with nothing around them.
// Thread contract: one owner; each call runs the receiving side on a thread of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <zmq.hpp>

#include "kernels/base/result.hpp"
#include "tools/freshet/bench/link_frames.hpp"

namespace freshet::cli {

class bare_link {
 public:
  /// `endpoint` as ZeroMQ takes it; a tcp port may be "*". Throws nothing: what ZeroMQ says is in the error.
  result<void> open(const std::string& endpoint, const link_frames& frames);
  /// Messages a second at the receiver while the sender does nothing else for that time.
  result<double> flood(std::chrono::milliseconds time);
  /// One-way times of `count` messages in µs, each sent when the last was answered.
  result<std::vector<double>> ping(std::size_t count);

 private:
  void send(zmq::socket_t& socket, std::vector<zmq::message_t>& frames);
  zmq::context_t context_;
  zmq::socket_t dealer_{context_, zmq::socket_type::dealer};
  zmq::socket_t router_{context_, zmq::socket_type::router};
  std::vector<zmq::message_t> message_;
  std::vector<zmq::message_t> answer_;
};

}  // namespace freshet::cli

// Nodes over ZeroMQ. One a process: it owns the ZeroMQ context, so that nodes of this process
// reach each other over inproc, and knows which inproc endpoints are bound at present (ZeroMQ does
// not connect those anew by itself). Outlives every node that was started with it.
// Thread contract: all members may be called from any thread.
#pragma once

#include <memory>

#include "actors/rt/transport.hpp"

namespace freshet::port {

class socket_context;

class zmq_transport final : public rt::transport {
 public:
  zmq_transport();
  ~zmq_transport() override;

  /// Refuses tcp endpoints that are neither encrypted nor loopback: a plain link must not leave the machine.
  result<std::shared_ptr<rt::opened_port>> open(rt::system& engine, rt::port_config config) override;

  /// For tests and benchmarks that speak raw ZeroMQ to a node of this process over inproc.
  [[nodiscard]] socket_context& context() { return *context_; }
  /// For what stands beside the nodes of this process: the enrolment desk.
  [[nodiscard]] std::shared_ptr<socket_context> shared_context() const { return context_; }

 private:
  std::shared_ptr<socket_context> context_;
};

}  // namespace freshet::port

// The ZeroMQ context of a process, and the inproc endpoints that are bound in it. ZeroMQ joins
// inproc sockets once and never again, so a port that is connected to one has to be told when
// another socket took its name: generations tell it.
// Thread contract: all members may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <zmq.hpp>

#include "actors/port/zap_handler.hpp"

namespace freshet::port {

class socket_context {
 public:
  socket_context();

  [[nodiscard]] zmq::context_t& sockets() { return sockets_; }
  /// Made when the first socket that is guarded needs it.
  [[nodiscard]] zap_handler& zap();

  void announce(const std::string& inproc_endpoint);
  void withdraw(const std::string& inproc_endpoint);
  /// Which binding of that name is there now; 0 when none is.
  [[nodiscard]] std::uint64_t generation(const std::string& inproc_endpoint) const;

  /// `changed` is called (under a lock, in the changer's thread) when a binding comes or goes.
  std::uint64_t subscribe(std::function<void()> changed);
  void unsubscribe(std::uint64_t ticket);

 private:
  zmq::context_t sockets_;
  mutable std::mutex mutex_;
  std::unique_ptr<zap_handler> zap_;   ///< before the context ends, its socket has to
  std::uint64_t last_generation_ = 0;
  std::uint64_t last_ticket_ = 0;
  std::map<std::string, std::uint64_t> bound_;
  std::map<std::uint64_t, std::function<void()>> subscribers_;
};

}  // namespace freshet::port

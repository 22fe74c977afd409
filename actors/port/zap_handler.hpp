// Answers ZeroMQ's question, for each CURVE connection before it may carry a message, whether its
// key may come in (ZAP, RFC 27). One a context, on a thread of its own; each socket asks under the
// domain that it was given. Whoever is let in has its key, as hexadecimal digits, as the User-Id of
// every message: what it may say is judged there, message by message.
// Thread contract: all members may be called from any thread.
#pragma once

#include "actors/port/wake_fd.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <zmq.hpp>

namespace freshet::port {

class zap_handler {
 public:
  /// Called in the handler's thread with a public key of 32 bytes.
  using judge = std::function<bool(const std::string& public_key)>;

  explicit zap_handler(zmq::context_t& context);
  ~zap_handler();
  zap_handler(const zap_handler&) = delete;
  zap_handler& operator=(const zap_handler&) = delete;

  /// From now on `may_enter` speaks for this domain. A domain that nobody speaks for lets nobody in.
  void guard(const std::string& domain, judge may_enter);
  /// When it returns, the judge is not being called and never will be again.
  void forget(const std::string& domain);

 private:
  void run();
  void answer();
  [[nodiscard]] bool admits(const std::string& domain, const std::string& key);

  zmq::socket_t socket_;
  wake_fd stop_;
  std::mutex mutex_;
  std::map<std::string, judge> judges_;
  std::thread thread_;
};

}  // namespace freshet::port

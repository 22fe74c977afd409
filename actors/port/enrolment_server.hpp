// The one endpoint where keys that are in no list may speak: everything is encrypted for the node's
// key, every message is small, and one thing can be said (enrol_request). On a thread of its own, apart
// from the links, so that a crowd at this door does not disturb those inside.
// Thread contract: one owner; `answer` is called in the server's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <zmq.hpp>

#include "actors/port/socket_context.hpp"
#include "actors/port/wake_fd.hpp"
#include "actors/rt/link_security.hpp"
#include "kernels/base/result.hpp"
#include "topology/message/control.hpp"

namespace freshet::port {

class enrolment_server {
 public:
  /// Gets the key that the link is encrypted with (32 bytes) and the address that it comes from.
  using answerer = std::function<topology::enrol_reply(const std::string& key, const std::string& address,
                                                       const topology::enrol_request& asked)>;

  static result<std::unique_ptr<enrolment_server>> open(std::shared_ptr<socket_context> context,
                                                        const std::string& endpoint, const std::string& node,
                                                        const rt::link_keys& own, answerer answer);
  ~enrolment_server();
  enrolment_server(const enrolment_server&) = delete;
  enrolment_server& operator=(const enrolment_server&) = delete;

  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

 private:
  enrolment_server(std::shared_ptr<socket_context> context, std::string node, zmq::socket_t socket, answerer answer);
  void run();
  void serve();

  std::shared_ptr<socket_context> context_;
  std::string node_;
  std::string domain_;
  std::string endpoint_;
  zmq::socket_t socket_;
  answerer answer_;
  wake_fd stop_;
  std::thread thread_;
};

}  // namespace freshet::port

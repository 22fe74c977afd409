#include "actors/port/zap_handler.hpp"

#include "kernels/base/hex.hpp"

#include <cerrno>
#include <utility>
#include <vector>

namespace freshet::port {

namespace {

constexpr const char* zap_endpoint = "inproc://zeromq.zap.01";
constexpr std::size_t key_bytes = 32;

// version, request, domain, address, routing id, mechanism, credentials
constexpr std::size_t request_frames = 7;

std::vector<std::string> read_request(zmq::socket_t& socket) {
  std::vector<std::string> frames;
  zmq::message_t part;
  while (socket.recv(part, zmq::recv_flags::dontwait)) {
    frames.push_back(part.to_string());
    if (!part.more()) break;
  }
  return frames;
}

}  // namespace

zap_handler::zap_handler(zmq::context_t& context) : socket_(context, zmq::socket_type::rep) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.bind(zap_endpoint);
  thread_ = std::thread([this] { run(); });
}

zap_handler::~zap_handler() {
  stop_.wake();
  thread_.join();
}

void zap_handler::guard(const std::string& domain, judge may_enter) {
  std::lock_guard lock(mutex_);
  judges_[domain] = std::move(may_enter);
}

void zap_handler::forget(const std::string& domain) {
  std::lock_guard lock(mutex_);
  judges_.erase(domain);
}

bool zap_handler::admits(const std::string& domain, const std::string& key) {
  std::lock_guard lock(mutex_);
  const auto found = judges_.find(domain);
  return found != judges_.end() && found->second(key);
}

void zap_handler::run() {
  for (;;) {
    zmq::pollitem_t items[] = {{nullptr, stop_.fd(), ZMQ_POLLIN, 0}, {socket_.handle(), 0, ZMQ_POLLIN, 0}};
    try {
      zmq::poll(items, 2, std::chrono::milliseconds(-1));
      if (items[0].revents & ZMQ_POLLIN) break;
      if (items[1].revents & ZMQ_POLLIN) answer();
    } catch (const zmq::error_t& e) {
      if (e.num() != EINTR) break;  // the context ends
    }
  }
  socket_.close();
}

void zap_handler::answer() {
  const std::vector<std::string> asked = read_request(socket_);
  if (asked.empty()) return;
  const bool readable =
      asked.size() == request_frames && asked[0] == "1.0" && asked[5] == "CURVE" && asked[6].size() == key_bytes;
  const bool let_in = readable && admits(asked[2], asked[6]);
  const std::vector<std::string> reply = {"1.0",
                                          asked.size() > 1 ? asked[1] : "",
                                          let_in ? "200" : "400",
                                          let_in ? "" : "this key is not in the list",
                                          let_in ? to_hex(asked[6]) : "",
                                          ""};
  for (std::size_t i = 0; i < reply.size(); ++i)
    socket_.send(zmq::buffer(reply[i]), i + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
}

}  // namespace freshet::port

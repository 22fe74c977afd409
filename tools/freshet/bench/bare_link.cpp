#include "tools/freshet/bench/bare_link.hpp"

#include <cstdint>
#include <thread>

namespace freshet::cli {
namespace {

using clock = std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds(10);

std::vector<zmq::message_t> messages_of(const std::vector<shared_bytes>& frames) {
  std::vector<zmq::message_t> out;
  for (const shared_bytes& f : frames) out.emplace_back(f.data(), f.bytes());
  return out;
}

/// Reads a whole message; how many frames it had, 0 when none came in time.
std::size_t receive(zmq::socket_t& socket, zmq::message_t& first) {
  if (!socket.recv(first)) return 0;
  std::size_t frames = 1;
  zmq::message_t rest;
  bool more = first.more();
  while (more) {
    if (!socket.recv(rest)) return 0;
    more = rest.more();
    ++frames;
  }
  return frames;
}

error zmq_error(const zmq::error_t& e) { return {errc::io, std::string("ZeroMQ: ") + e.what()}; }
error silence() { return {errc::timeout, "the bare link: nothing arrived"}; }

}  // namespace

result<void> bare_link::open(const std::string& endpoint, const link_frames& frames) {
  message_ = messages_of(frames.message);
  answer_ = messages_of(frames.answer);
  try {
    for (zmq::socket_t* s : {&dealer_, &router_}) {
      s->set(zmq::sockopt::linger, 0);
      s->set(zmq::sockopt::rcvtimeo, static_cast<int>(std::chrono::milliseconds(patience).count()));
      s->set(zmq::sockopt::sndtimeo, static_cast<int>(std::chrono::milliseconds(patience).count()));
    }
    router_.bind(endpoint);
    dealer_.connect(router_.get(zmq::sockopt::last_endpoint));
  } catch (const zmq::error_t& e) {
    return zmq_error(e);
  }
  return {};
}

void bare_link::send(zmq::socket_t& socket, std::vector<zmq::message_t>& frames) {
  zmq::message_t shared;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    shared.copy(frames[i]);  // shares the bytes of all but tiny frames
    (void)socket.send(shared, i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
}

result<double> bare_link::flood(std::chrono::milliseconds time) {
  std::uint64_t count = 0;
  clock::time_point first;
  clock::time_point last;
  bool ended = false;
  // A routing id and an empty frame end it.
  std::thread receiver([&] {
    try {
      zmq::message_t head;
      while (const std::size_t frames = receive(router_, head)) {
        if (frames == 2) {
          ended = true;
          return;
        }
        last = clock::now();
        if (count++ == 0) first = last;
      }
    } catch (const zmq::error_t&) {
      ended = false;
    }
  });
  std::string failed;
  try {
    for (const auto end = clock::now() + time; clock::now() < end;) send(dealer_, message_);
    (void)dealer_.send(zmq::message_t(), zmq::send_flags::none);
  } catch (const zmq::error_t& e) {
    failed = e.what();
  }
  receiver.join();
  if (!failed.empty()) return error{errc::io, "ZeroMQ: " + failed};
  if (!ended || count < 2) return silence();
  return static_cast<double>(count - 1) / std::chrono::duration<double>(last - first).count();
}

result<std::vector<double>> bare_link::ping(std::size_t count) {
  std::vector<double> times;
  clock::time_point sent;  // handed over by the message itself: written before it, read after it
  bool answered = true;
  std::thread receiver([&] {
    try {
      zmq::message_t who;
      while (times.size() < count && receive(router_, who) != 0) {
        times.push_back(std::chrono::duration<double, std::micro>(clock::now() - sent).count());
        (void)router_.send(who, zmq::send_flags::sndmore);
        send(router_, answer_);
      }
    } catch (const zmq::error_t&) {
      answered = false;
    }
  });
  try {
    zmq::message_t head;
    for (std::size_t i = 0; i < count && answered; ++i) {
      sent = clock::now();
      send(dealer_, message_);
      answered = receive(dealer_, head) != 0;
    }
  } catch (const zmq::error_t&) {
    answered = false;
  }
  receiver.join();
  if (!answered || times.size() != count) return silence();
  return times;
}

}  // namespace freshet::cli

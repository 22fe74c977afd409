#include "tools/freshet/service/http_server.hpp"

#include "tools/freshet/service/unix_address.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <httplib.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace freshet::cli {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

error system_error(const std::string& what) { return error{errc::io, what + ": " + std::strerror(errno)}; }

/// Owns a file descriptor.
class descriptor {
 public:
  explicit descriptor(int file = -1) : file_(file) {}
  descriptor(descriptor&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~descriptor() {
    if (file_ >= 0) ::close(file_);
  }
  [[nodiscard]] int get() const noexcept { return file_; }

 private:
  int file_;
};

/// One connection as the library reads and writes it. It ends at its deadline, at its last byte or at a stop,
/// whichever is first, however slowly the other side feeds it.
class bounded_stream final : public httplib::Stream {
 public:
  bounded_stream(int file, int stop, clock::time_point until, std::size_t bytes)
      : file_(file), stop_(stop), until_(until), bytes_left_(bytes) {}

  bool is_readable() const override { return wait(POLLIN); }
  bool is_writable() const override { return wait(POLLOUT); }
  ssize_t read(char* to, std::size_t size) override {
    const std::size_t most = std::min(size, bytes_left_);
    if (most == 0) return -1;
    const ssize_t got = again(POLLIN, [&] { return ::recv(file_, to, most, 0); });
    if (got > 0) bytes_left_ -= static_cast<std::size_t>(got);
    return got;
  }
  ssize_t write(const char* from, std::size_t size) override {
    return again(POLLOUT, [&] { return ::send(file_, from, size, MSG_NOSIGNAL); });
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return file_; }

 private:
  bool wait(short what) const {
    for (;;) {
      const auto left = std::chrono::ceil<milliseconds>(until_ - clock::now());
      if (left.count() <= 0) return false;
      std::array<pollfd, 2> items{{{file_, what, 0}, {stop_, POLLIN, 0}}};
      const int ready = ::poll(items.data(), items.size(), static_cast<int>(left.count()));
      if (ready < 0 && errno == EINTR) continue;
      return ready > 0 && items[1].revents == 0;
    }
  }
  template <class F>
  ssize_t again(short what, F call) const {
    for (;;) {
      if (!wait(what)) return -1;
      const ssize_t done = call();
      if (done >= 0 || (errno != EINTR && errno != EAGAIN)) return done;
    }
  }

  int file_;
  int stop_;
  clock::time_point until_;
  std::size_t bytes_left_;
};

/// The library's parser and router without its sockets and threads.
class router final : public httplib::Server {
 public:
  router(const http_pages& pages, const http_limits& limits) {
    set_payload_max_length(limits.request_bytes);
    for (const auto& [path, page] : pages) {
      Get(path, [page = page](const httplib::Request& request, httplib::Response& response) {
        http_request asked;
        for (const auto& [name, value] : request.params) asked.parameters[name] = value;
        http_page made = page(asked);
        response.status = made.status;
        response.set_header("Cache-Control", "no-store");
        response.set_content(made.body, made.type.c_str());
      });
    }
    set_exception_handler([](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
      response.status = 500;
      response.set_content("the page could not be made\n", "text/plain; charset=utf-8");
    });
    set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (response.body.empty())
        response.set_content(
            "status " + std::to_string(response.status) + "; /livez, /readyz, /readyz?verbose and /metrics are here\n",
            "text/plain; charset=utf-8");
    });
  }
  void answer(bounded_stream& stream) { pass(&router::process_request, stream); }

 private:
  using set_up = const std::function<void(httplib::Request&)>&;
  // Debian 12's version of the library, and Debian 13's, which wants to know addresses that no page here asks for.
  void pass(bool (Server::*process)(httplib::Stream&, bool, bool&, set_up), bounded_stream& stream) {
    bool closed = false;
    (this->*process)(stream, true, closed, nullptr);
  }
  void pass(bool (Server::*process)(httplib::Stream&, const std::string&, int, const std::string&, int, bool, bool&, set_up),
            bounded_stream& stream) {
    bool closed = false;
    (this->*process)(stream, "", 0, "", 0, true, closed, nullptr);
  }
};

result<descriptor> listen_at(const config::service_address& where, const std::string& text) {
  if (!where.path.empty()) {
    FRESHET_TRY_ASSIGN(const unix_address address, unix_address_of(where.path));
    descriptor file(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (file.get() < 0) return system_error(text);
    struct stat found {};
    if (::lstat(where.path.c_str(), &found) == 0) {
      if (!S_ISSOCK(found.st_mode))
        return error{errc::io, text + ": a file that is no socket is there; name another path"};
      const descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(probe.get(), address.get(), address.size) == 0)
        return error{errc::io, text + ": another program serves there; name another path in [service] listen"};
      ::unlink(where.path.c_str());
    }
    const mode_t before = ::umask(0117);
    const int bound = ::bind(file.get(), address.get(), address.size);
    const int failure = errno;
    ::umask(before);
    errno = failure;
    if (bound != 0 || ::listen(file.get(), 16) != 0) return system_error(text);
    return file;
  }
  const bool six = where.host.find(':') != std::string::npos;
  descriptor file(::socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (file.get() < 0) return system_error(text);
  const int on = 1;
  ::setsockopt(file.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in four_address{};
  sockaddr_in6 six_address{};
  const std::string host = where.host == "localhost" ? "127.0.0.1" : where.host;
  four_address.sin_family = AF_INET;
  four_address.sin_port = htons(where.port);
  six_address.sin6_family = AF_INET6;
  six_address.sin6_port = htons(where.port);
  const int known = six ? ::inet_pton(AF_INET6, host.c_str(), &six_address.sin6_addr)
                        : ::inet_pton(AF_INET, host.c_str(), &four_address.sin_addr);
  if (known != 1) return error{errc::invalid_argument, text + ": the host must be a number"};
  const int bound = six ? ::bind(file.get(), reinterpret_cast<sockaddr*>(&six_address), sizeof six_address)
                        : ::bind(file.get(), reinterpret_cast<sockaddr*>(&four_address), sizeof four_address);
  if (bound != 0 || ::listen(file.get(), 16) != 0) return system_error(text);
  return file;
}

std::string text_of(const config::service_address& where, int port) {
  if (!where.path.empty()) return "unix://" + where.path;
  const bool six = where.host.find(':') != std::string::npos;
  return "http://" + (six ? "[" + where.host + "]" : where.host) + ":" + std::to_string(port);
}

int port_of(int file) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(file, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  return 0;
}

}  // namespace

struct http_server::state {
  state(descriptor file, descriptor event, http_pages given, http_limits bounds)
      : listener(std::move(file)),
        stop(std::move(event)),
        pages(std::move(given)),
        limits(bounds),
        routes(pages, limits) {}

  void serve() {
    for (;;) {
      std::array<pollfd, 2> items{{{listener.get(), POLLIN, 0}, {stop.get(), POLLIN, 0}}};
      if (::poll(items.data(), items.size(), -1) < 0 && errno != EINTR) return;
      if (items[1].revents != 0) return;
      const descriptor connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (connection.get() < 0) {
        // No descriptor is left, say: wait for others to end rather than spin.
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) ::usleep(100'000);
        continue;
      }
      bounded_stream stream(connection.get(), stop.get(), clock::now() + limits.exchange, limits.request_bytes);
      routes.answer(stream);
      ::shutdown(connection.get(), SHUT_WR);
    }
  }

  descriptor listener;
  descriptor stop;
  http_pages pages;
  http_limits limits;
  router routes;
  std::string path;  ///< of a local socket: goes with the server
  std::string address;
  std::vector<std::thread> threads;
};

result<std::unique_ptr<http_server>> http_server::start(const config::service_address& where, http_pages pages,
                                                        http_limits limits) {
  FRESHET_TRY_ASSIGN(descriptor file, listen_at(where, text_of(where, where.port)));
  descriptor stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (stop.get() < 0) return system_error("an event");
  const int port = port_of(file.get());
  auto s = std::make_unique<state>(std::move(file), std::move(stop), std::move(pages), limits);
  s->path = where.path;
  s->address = text_of(where, port);
  for (std::size_t i = 0; i < limits.connections; ++i) s->threads.emplace_back([raw = s.get()] { raw->serve(); });
  return std::unique_ptr<http_server>(new http_server(std::move(s)));
}

http_server::http_server(std::unique_ptr<state> s) : state_(std::move(s)) {}

http_server::~http_server() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(state_->stop.get(), &one, sizeof one);
  for (std::thread& t : state_->threads) t.join();
  if (!state_->path.empty()) ::unlink(state_->path.c_str());
}

const std::string& http_server::address() const noexcept { return state_->address; }

}  // namespace freshet::cli

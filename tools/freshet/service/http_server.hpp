// A small HTTP server for a few fixed pages. Whatever comes in is bounded: connections, bytes, time; one
// request a connection. It only ever answers GET and HEAD.
// Thread contract: start and destroy on one thread; pages are made on the server's threads.
#pragma once

#include "config/schema/service.hpp"
#include "kernels/base/result.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace freshet::cli {

struct http_page {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

struct http_request {
  std::map<std::string, std::string> parameters;  ///< "?verbose" is {"verbose", ""}
};

using http_pages = std::map<std::string, std::function<http_page(const http_request&)>>;  ///< by path

struct http_limits {
  std::size_t connections = 4;  ///< served at once; a few more wait in the system's queue
  std::size_t request_bytes = std::size_t{16} << 10U;
  std::chrono::milliseconds exchange{5000};  ///< from accepting a connection to its end
};

class http_server {
 public:
  /// Bound and serving when it returns. A local socket may be used by its owner and group; one that nobody
  /// serves any more is replaced.
  static result<std::unique_ptr<http_server>> start(const config::service_address& where, http_pages pages,
                                                    http_limits limits = {});
  ~http_server();
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  /// "http://127.0.0.1:9464", "unix:///var/lib/freshet/http.sock"
  [[nodiscard]] const std::string& address() const noexcept;

 private:
  struct state;
  explicit http_server(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

}  // namespace freshet::cli

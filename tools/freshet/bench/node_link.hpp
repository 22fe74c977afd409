// Our side of the link measurements: two nodes with a role each, joined by the same ports, credits
// and codec that the engine runs on.
// Thread contract: one owner.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "actors/rt/node.hpp"
#include "actors/rt/system.hpp"
#include "actors/rt/transport.hpp"
#include "kernels/base/result.hpp"

namespace freshet::cli {

class node_link {
 public:
  static result<std::unique_ptr<node_link>> open(rt::system& engine, rt::transport& links, const std::string& endpoint,
                                                 std::size_t payload_bytes);
  ~node_link();
  node_link(const node_link&) = delete;
  node_link& operator=(const node_link&) = delete;

  /// Messages a second at the receiving role while the sending one does nothing else for that time.
  result<double> flood(std::chrono::milliseconds time);
  /// One-way times, role to role, of `count` messages in µs, each sent when the last was answered.
  result<std::vector<double>> ping(std::size_t count);

  struct load;

 private:
  node_link() = default;
  std::shared_ptr<load> load_;
  std::unique_ptr<rt::node> far_;
  std::unique_ptr<rt::node> near_;
};

}  // namespace freshet::cli

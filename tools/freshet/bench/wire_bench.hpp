// The measurements of `freshet bench wire`: messages a second and one-way latency between two roles
// on two nodes, against bare cppzmq with the same frames.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "actors/rt/system.hpp"
#include "actors/rt/transport.hpp"
#include "kernels/base/result.hpp"
#include "tools/freshet/bench/side_by_side.hpp"

namespace freshet::cli {

struct wire_plan {
  std::vector<std::string> transports = {"tcp", "ipc", "inproc"};   ///< tcp is over the loopback
  std::vector<std::size_t> payloads_kib = {1, 64};
  std::size_t rounds = 3;                                           ///< turns of both, after one to warm up
};

[[nodiscard]] result<std::vector<comparison>> bench_wire(rt::system& engine, rt::transport& links, const wire_plan& plan,
                                                         const std::function<void(const std::string&)>& progress);

}  // namespace freshet::cli

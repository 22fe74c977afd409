// The measurements of `freshet bench wire`: messages a second and one-way latency between two roles
// on two nodes, against bare cppzmq with the same frames.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "actors/rt/system.hpp"
#include "actors/rt/transport.hpp"
#include "kernels/base/result.hpp"
#include "tools/freshet/bench/side_by_side.hpp"

namespace freshet::cli {

/// Over tcp (loopback), ipc and inproc, with payloads of 1 KiB and 64 KiB.
[[nodiscard]] result<std::vector<comparison>> bench_wire(rt::system& engine, rt::transport& links,
                                                         const std::function<void(const std::string&)>& progress);

}  // namespace freshet::cli

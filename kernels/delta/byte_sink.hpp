// Takes bytes in order as they are made, so that nobody holds them all.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/delta/bytes.hpp"

#include <functional>

namespace freshet::delta {

using byte_sink = std::function<result<void>(byte_view)>;

}  // namespace freshet::delta

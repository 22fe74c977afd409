// JSON that someone else wrote: parsed within limits on size and depth, or refused. Pure function.
#pragma once

#include "kernels/base/result.hpp"

#include <cstddef>
#include <string_view>

#include <nlohmann/json.hpp>

namespace freshet::actors {

struct json_limits {
  std::size_t bytes = std::size_t{64} << 10;
  std::size_t depth = 8;  ///< objects and arrays within each other
};

/// An object; anything else is an error.
result<nlohmann::json> parse_object(std::string_view text, const json_limits& limits);

}  // namespace freshet::actors

// JSON from outside, read strictly: limits on depth and on the number of values, no duplicate keys,
// and an error that names the origin, the line and the column.
// Thread contract: free functions without state.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "kernels/base/result.hpp"

namespace freshet::model {

struct json_limits {
  std::size_t depth = 32;
  std::size_t values = 1'000'000;
};

/// `origin` is the file or message that the text came from; it stands first in every error.
result<nlohmann::json> parse_json(std::string_view text, std::string_view origin, json_limits limits = {});

/// A value from outside made fit for a message: control characters replaced, long text cut.
std::string in_quotes(std::string_view text);

/// "line 3, column 7" of a byte offset.
std::string line_and_column(std::string_view text, std::size_t offset);

}  // namespace freshet::model

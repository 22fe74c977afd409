#include "actors/stats/bounded_json.hpp"

#include <algorithm>
#include <string>

namespace freshet::actors {
namespace {

// Brackets outside of strings. On text that is no JSON the figure means nothing, and the parser
// refuses it afterwards.
std::size_t depth_of(std::string_view text) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

result<nlohmann::json> parse_object(std::string_view text, const json_limits& limits) {
  if (text.size() > limits.bytes) {
    return error{errc::too_large,
                 "JSON of " + std::to_string(text.size()) + " bytes; the limit is " + std::to_string(limits.bytes)};
  }
  if (const std::size_t depth = depth_of(text); depth > limits.depth) {
    return error{errc::too_large,
                 "JSON nested " + std::to_string(depth) + " deep; the limit is " + std::to_string(limits.depth)};
  }
  nlohmann::json parsed = nlohmann::json::parse(text, nullptr, false);
  if (!parsed.is_object()) return error{errc::corrupt, "one JSON object belongs here"};
  return parsed;
}

}  // namespace freshet::actors

// A JSON document as one line of valid UTF-8: what is none (names from outside) is replaced, never thrown at.
// Pure function.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace freshet {

[[nodiscard]] inline std::string json_line(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace freshet

#include "config/schema/node.hpp"

#include <algorithm>

namespace freshet::config {

std::string public_key_problem(const std::string& text) {
  constexpr std::size_t digits = 64;
  const bool fine = text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                    });
  return fine ? "" : "a public key has 64 digits, 0 to 9 and a to f; `freshet keys list` prints it";
}

}  // namespace freshet::config

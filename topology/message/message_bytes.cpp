#include "topology/message/message_bytes.hpp"

#include "kernels/base/fields.hpp"
#include "kernels/base/host_tensor.hpp"

#include <string>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

namespace freshet::topology {
namespace {

template <class T>
std::size_t beyond_itself(const T& value);

template <class T>
std::size_t beyond_itself(const std::vector<T>& items) {
  std::size_t bytes = items.size() * sizeof(T);
  if constexpr (!std::is_arithmetic_v<T>) {
    for (const T& item : items) bytes += beyond_itself(item);
  }
  return bytes;
}

template <class T>
std::size_t beyond_itself(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return value.size();
  } else if constexpr (std::is_same_v<T, host_tensor>) {
    return value.bytes();
  } else if constexpr (has_fields_v<T>) {
    return std::apply([](const auto&... field) { return (std::size_t{0} + ... + beyond_itself(field)); }, value.tie());
  } else {
    return 0;
  }
}

}  // namespace

std::size_t bytes_of(const any_message& m) {
  return std::visit([](const auto& message) { return sizeof message + beyond_itself(message); }, m);
}

}  // namespace freshet::topology

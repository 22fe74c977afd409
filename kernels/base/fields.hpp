// Field lists: a struct names its fields once, and equality, printing and the wire codec derive
// from that list. Use FRESHET_FIELDS(a, b, c) inside the struct; order is the wire order, so
// fields are only ever appended.
#pragma once

#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#define FRESHET_FIELDS(...)                                     \
  auto tie() { return std::tie(__VA_ARGS__); }                  \
  auto tie() const { return std::tie(__VA_ARGS__); }            \
  static constexpr std::string_view field_names() { return #__VA_ARGS__; }

namespace freshet {

template <class T, class = void>
struct has_fields : std::false_type {};
template <class T>
struct has_fields<T, std::void_t<decltype(std::declval<T&>().tie())>> : std::true_type {};
template <class T>
inline constexpr bool has_fields_v = has_fields<T>::value;

template <class T, std::enable_if_t<has_fields_v<T>, int> = 0>
bool operator==(const T& a, const T& b) {
  return a.tie() == b.tie();
}
template <class T, std::enable_if_t<has_fields_v<T>, int> = 0>
bool operator!=(const T& a, const T& b) {
  return !(a == b);
}

}  // namespace freshet

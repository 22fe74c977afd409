// Random messages of every type, made from their field lists alone, and bitwise comparison of
// two of them (NaN equals the same NaN). For property tests and seeds of fuzzing.
#pragma once

#include "kernels/base/host_tensor.hpp"
#include "kernels/base/rng.hpp"
#include "topology/message/any_message.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace freshet::test_support {

template <class T>
struct is_strong : std::false_type {};
template <class Tag, class Rep>
struct is_strong<strong<Tag, Rep>> : std::true_type {};
template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};

inline host_tensor random_tensor(rng& random) {
  if (random.chance(0.2)) return {};
  const auto type = static_cast<dtype>(random.below(9));
  std::vector<std::int64_t> shape(random.below(5));
  std::size_t items = 1;
  for (auto& d : shape) {
    d = static_cast<std::int64_t>(random.chance(0.1) ? 0 : 1 + random.below(5));
    items *= static_cast<std::size_t>(d);
  }
  std::vector<std::uint8_t> bytes(items * item_bytes(type));
  for (auto& b : bytes) b = static_cast<std::uint8_t>(random.next());
  return host_tensor::copy_of(type, std::move(shape), bytes.data());
}

template <class T>
void randomise(T& value, rng& random) {
  if constexpr (std::is_same_v<T, bool>) {
    value = random.chance(0.5);
  } else if constexpr (std::is_enum_v<T>) {
    do {
      value = static_cast<T>(random.next());
    } while (!is_known(value));
  } else if constexpr (std::is_arithmetic_v<T>) {
    // All widths of integers, all bit patterns of floats.
    const std::uint64_t bits = random.next() >> (std::is_integral_v<T> ? random.below(64) : 0);
    std::memcpy(&value, &bits, sizeof value);
    if constexpr (std::is_signed_v<T> && std::is_integral_v<T>)
      value = random.chance(0.5) ? static_cast<T>(~value) : value;
  } else if constexpr (is_strong<T>::value) {
    randomise(value.value, random);
  } else if constexpr (std::is_same_v<T, std::string>) {
    value.resize(random.chance(0.05) ? 300 : random.below(40));
    for (char& c : value) c = static_cast<char>(random.next());
  } else if constexpr (std::is_same_v<T, host_tensor>) {
    value = random_tensor(random);
  } else if constexpr (is_vector<T>::value) {
    value.resize(random.below(6));
    for (auto& item : value) randomise(item, random);
  } else {
    std::apply([&](auto&... field) { (randomise(field, random), ...); }, value.tie());
  }
}

template <class T>
bool same_bits(const T& a, const T& b) {
  if constexpr (std::is_arithmetic_v<T>) {
    return std::memcmp(&a, &b, sizeof a) == 0;
  } else if constexpr (is_vector<T>::value) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (!same_bits(a[i], b[i])) return false;
    }
    return true;
  } else if constexpr (has_fields_v<T>) {
    return std::apply(
        [&](const auto&... left) {
          return std::apply([&](const auto&... right) { return (same_bits(left, right) && ...); }, b.tie());
        },
        a.tie());
  } else {
    return a == b;
  }
}

template <std::size_t I = 0>
topology::any_message random_message_of(std::size_t index, rng& random) {
  if constexpr (I < std::variant_size_v<topology::any_message>) {
    if (index != I) return random_message_of<I + 1>(index, random);
    std::variant_alternative_t<I, topology::any_message> m;
    randomise(m, random);
    return m;
  } else {
    FRESHET_ENSURE(false, "no such message type");
    return {};
  }
}

inline bool same_message(const topology::any_message& a, const topology::any_message& b) {
  if (a.index() != b.index()) return false;
  return std::visit([&](const auto& x) { return same_bits(x, std::get<std::decay_t<decltype(x)>>(b)); }, a);
}

}  // namespace freshet::test_support

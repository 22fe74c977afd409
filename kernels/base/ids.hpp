// Strong types for the numbers that must not be mixed up. Plain values, ordered and hashable.
#pragma once

#include <cstdint>
#include <functional>

namespace freshet {

template <class Tag, class Rep>
struct strong {
  using rep = Rep;
  Rep value{};
  constexpr strong() = default;
  constexpr explicit strong(Rep v) : value(v) {}
  friend constexpr bool operator==(strong a, strong b) { return a.value == b.value; }
  friend constexpr bool operator!=(strong a, strong b) { return a.value != b.value; }
  friend constexpr bool operator<(strong a, strong b) { return a.value < b.value; }
  friend constexpr bool operator<=(strong a, strong b) { return a.value <= b.value; }
  friend constexpr bool operator>(strong a, strong b) { return a.value > b.value; }
  friend constexpr bool operator>=(strong a, strong b) { return a.value >= b.value; }
};

using device_id = strong<struct device_id_tag, std::uint32_t>;
/// Position in a device's stream; with device_id the idempotency key of a sample.
using sequence = strong<struct sequence_tag, std::uint64_t>;
/// One life of a process: drawn at random at start, so that a restarted peer is recognised.
using epoch = strong<struct epoch_tag, std::uint64_t>;
/// Number of a student version within its line; 0 is the base model itself.
using version = strong<struct version_tag, std::uint64_t>;
/// xxh3-64 over the canonical bytes of what it names.
using content_hash = strong<struct content_hash_tag, std::uint64_t>;

}  // namespace freshet

template <class Tag, class Rep>
struct std::hash<freshet::strong<Tag, Rep>> {
  std::size_t operator()(freshet::strong<Tag, Rep> s) const noexcept { return std::hash<Rep>{}(s.value); }
};

// From field lists to MessagePack and back: one template a kind of field. A struct is the array
// of its fields in order; a vector of numbers is binary, little endian; an enum is its number,
// accepted only when is_known() says so; a tensor is nil or [dtype, shape, number of its frame].
// Included by codec.cpp alone.
#pragma once

#include "kernels/base/fields.hpp"
#include "kernels/base/host_tensor.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"
#include "topology/wire/msgpack_reader.hpp"
#include "topology/wire/msgpack_writer.hpp"
#include "topology/wire/tensor_frames.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace freshet::topology {

#if defined(__BYTE_ORDER__)
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors and tensors travel as they lie in memory");
#endif

namespace field_kind {
template <class T>
struct is_strong : std::false_type {};
template <class Tag, class Rep>
struct is_strong<strong<Tag, Rep>> : std::true_type {};
template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};

template <class T>
inline constexpr bool scalar = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;
/// What a vector packs as binary.
template <class T>
inline constexpr bool number = scalar<T> || is_strong<T>::value;
}  // namespace field_kind

/// Name of field `index` in a FRESHET_FIELDS list.
inline std::string_view field_name(std::string_view names, std::size_t index) {
  for (; index > 0; --index) names.remove_prefix(std::min(names.size(), names.find(',') + 1));
  names = names.substr(0, names.find(','));
  const std::size_t first = names.find_first_not_of(' ');
  return first == std::string_view::npos ? names : names.substr(first);
}

/// An error of something inside `step` ("samples", "[3]"), with its path so far.
inline error within(std::string step, const error& inner) { return {inner.code, std::move(step) + inner.context}; }

struct field_limits {
  std::size_t items;
  std::size_t text_bytes;
};

// --- writing ------------------------------------------------------------------------------------

struct field_sink {
  msgpack_writer& out;
  tensor_sink& tensors;
  field_limits limits;
  std::size_t items = 0;

  result<void> enter(std::size_t elements) {
    if (elements > limits.items - items) {
      return error{errc::too_large, ": array of " + std::to_string(elements) + " elements, the whole may have " +
                                        std::to_string(limits.items)};
    }
    items += elements;
    out.array(elements);
    return {};
  }
};

template <class T>
result<void> write_field(const T& value, field_sink& to);

template <class T>
result<void> write_vector(const std::vector<T>& value, field_sink& to) {
  static_assert(!std::is_same_v<T, bool>, "std::vector<bool> has no memory to view; use bytes");
  if constexpr (field_kind::number<T>) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (value.size() > to.limits.items) {
      return error{errc::too_large,
                   ": " + std::to_string(value.size()) + " numbers, limit " + std::to_string(to.limits.items)};
    }
    to.out.binary(value.data(), value.size() * sizeof(T));
  } else {
    FRESHET_TRY(to.enter(value.size()));
    for (std::size_t i = 0; i < value.size(); ++i) {
      auto done = write_field(value[i], to);
      if (!done.ok()) return within("[" + std::to_string(i) + "]", done.err());
    }
  }
  return {};
}

template <class T, std::size_t... I>
result<void> write_struct(const T& value, field_sink& to, std::index_sequence<I...>) {
  FRESHET_TRY(to.enter(sizeof...(I)));
  const auto fields = value.tie();
  result<void> done;
  const auto one = [&](std::size_t index, const auto& field) {
    auto wrote = write_field(field, to);
    if (wrote.ok()) return true;
    done = within("." + std::string(field_name(T::field_names(), index)), wrote.err());
    return false;
  };
  static_cast<void>((one(I, std::get<I>(fields)) && ...));
  return done;
}

template <class T>
result<void> write_field(const T& value, field_sink& to) {
  if constexpr (std::is_same_v<T, bool>) {
    to.out.boolean(value);
  } else if constexpr (std::is_same_v<T, float>) {
    to.out.f32(value);
  } else if constexpr (std::is_same_v<T, double>) {
    to.out.f64(value);
  } else if constexpr (std::is_enum_v<T>) {
    return write_field(static_cast<std::underlying_type_t<T>>(value), to);
  } else if constexpr (std::is_unsigned_v<T>) {
    to.out.unsigned_integer(value);
  } else if constexpr (std::is_signed_v<T>) {
    to.out.signed_integer(value);
  } else if constexpr (field_kind::is_strong<T>::value) {
    return write_field(value.value, to);
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (value.size() > to.limits.text_bytes) {
      return error{errc::too_large, ": text of " + std::to_string(value.size()) + " bytes, at most " +
                                        std::to_string(to.limits.text_bytes) + " are taken"};
    }
    to.out.text(value);
  } else if constexpr (std::is_same_v<T, host_tensor>) {
    return to.tensors.write(value, to.out);
  } else if constexpr (field_kind::is_vector<T>::value) {
    return write_vector(value, to);
  } else {
    static_assert(has_fields_v<T>, "a field needs FRESHET_FIELDS or a kind of its own here");
    return write_struct(value, to, std::make_index_sequence<std::tuple_size_v<decltype(value.tie())>>{});
  }
  return {};
}

// --- reading ------------------------------------------------------------------------------------

struct field_source {
  msgpack_reader& in;
  tensor_source& tensors;
  field_limits limits;
};

template <class T>
result<void> read_field(T& value, field_source& from);

template <class T, class Wide>
result<void> narrow(T& value, const result<Wide>& read) {
  if (!read.ok()) return read.err();
  if (*read < static_cast<Wide>(std::numeric_limits<T>::min()) ||
      *read > static_cast<Wide>(std::numeric_limits<T>::max())) {
    return error{errc::corrupt,
                 ": " + std::to_string(*read) + " does not fit into " + std::to_string(8 * sizeof(T)) + " bits"};
  }
  value = static_cast<T>(*read);
  return {};
}

template <class T>
result<void> read_vector(std::vector<T>& value, field_source& from) {
  value.clear();
  if constexpr (field_kind::number<T>) {
    FRESHET_TRY_ASSIGN(const byte_view raw, from.in.binary(from.limits.items * sizeof(T)));
    if (raw.size % sizeof(T) != 0) {
      return error{errc::corrupt, ": " + std::to_string(raw.size) + " bytes are no whole number of " +
                                      std::to_string(sizeof(T)) + "-byte items"};
    }
    value.resize(raw.size / sizeof(T));
    if (raw.size > 0) std::memcpy(static_cast<void*>(value.data()), raw.data, raw.size);
  } else {
    FRESHET_TRY_ASSIGN(const std::size_t count, from.in.enter_array());
    // An element may be one byte on the wire and a hundred here: let the vector grow with what
    // was really read.
    value.reserve(std::min<std::size_t>(count, 256));
    for (std::size_t i = 0; i < count; ++i) {
      auto done = read_field(value.emplace_back(), from);
      if (!done.ok()) return within("[" + std::to_string(i) + "]", done.err());
    }
    from.in.leave();
  }
  return {};
}

template <class T, std::size_t... I>
result<void> read_struct(T& value, field_source& from, std::index_sequence<I...>) {
  FRESHET_TRY_ASSIGN(const std::size_t count, from.in.enter_array());
  auto fields = value.tie();
  result<void> done;
  const auto one = [&](std::size_t index, auto& field) {
    if (index >= count) return false;  // an older peer: the rest keeps its defaults
    auto read = read_field(field, from);
    if (read.ok()) return true;
    done = within("." + std::string(field_name(T::field_names(), index)), read.err());
    return false;
  };
  static_cast<void>((one(I, std::get<I>(fields)) && ...));
  if (!done.ok()) return done;
  for (std::size_t i = sizeof...(I); i < count; ++i) {  // a newer peer
    auto skipped = from.in.skip();
    if (!skipped.ok()) return within(".(unknown field " + std::to_string(i) + ")", skipped.err());
  }
  from.in.leave();
  return {};
}

template <class T>
result<void> read_field(T& value, field_source& from) {
  if constexpr (std::is_same_v<T, bool>) {
    FRESHET_TRY_ASSIGN(value, from.in.boolean());
  } else if constexpr (std::is_same_v<T, float>) {
    FRESHET_TRY_ASSIGN(value, from.in.f32());
  } else if constexpr (std::is_same_v<T, double>) {
    FRESHET_TRY_ASSIGN(value, from.in.f64());
  } else if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> number{};
    FRESHET_TRY(read_field(number, from));
    if (!is_known(static_cast<T>(number))) {
      return error{errc::corrupt, ": " + std::to_string(number) + " names no value"};
    }
    value = static_cast<T>(number);
  } else if constexpr (std::is_unsigned_v<T>) {
    return narrow(value, from.in.unsigned_integer());
  } else if constexpr (std::is_signed_v<T>) {
    return narrow(value, from.in.signed_integer());
  } else if constexpr (field_kind::is_strong<T>::value) {
    return read_field(value.value, from);
  } else if constexpr (std::is_same_v<T, std::string>) {
    FRESHET_TRY_ASSIGN(const std::string_view text, from.in.text(from.limits.text_bytes));
    value.assign(text);
  } else if constexpr (std::is_same_v<T, host_tensor>) {
    FRESHET_TRY_ASSIGN(value, from.tensors.read(from.in));
  } else if constexpr (field_kind::is_vector<T>::value) {
    return read_vector(value, from);
  } else {
    static_assert(has_fields_v<T>, "a field needs FRESHET_FIELDS or a kind of its own here");
    return read_struct(value, from, std::make_index_sequence<std::tuple_size_v<decltype(value.tie())>>{});
  }
  return {};
}

}  // namespace freshet::topology

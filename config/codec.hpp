// How each type of setting is read from a value, written as TOML and named in messages.
// A new type of setting is a new specialisation here.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "config/problem.hpp"
#include "config/quantity.hpp"
#include "config/value.hpp"

namespace freshet::config {

template <class T, class = void>
struct codec;  // read, write, type_name, hint

template <class T>
inline constexpr bool is_ordered_v = std::is_arithmetic_v<T> || std::is_same_v<T, milliseconds> ||
                                     std::is_same_v<T, byte_count>;

/// Reports every text in `v` (itself, or its items) that is not among `known`; true when all are.
/// An empty `known` allows everything.
bool names_are_known(const value& v, const std::string& path, const std::string& what,
                     const std::vector<std::string>& known, problems& out);

template <>
struct codec<bool> {
  static std::optional<bool> read(const value& v);
  static std::string write(bool b) { return b ? "true" : "false"; }
  static std::string type_name() { return "true or false"; }
  static std::string hint(const value& v);
};

template <class T>
struct codec<T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>>> {
  static std::optional<T> read(const value& v) {
    if (v.kind != value_kind::integer) return std::nullopt;
    if constexpr (std::is_unsigned_v<T>) {
      if (v.integer < 0 || static_cast<std::uint64_t>(v.integer) > std::numeric_limits<T>::max()) return std::nullopt;
    } else {
      if (v.integer < std::numeric_limits<T>::min() || v.integer > std::numeric_limits<T>::max()) return std::nullopt;
    }
    return static_cast<T>(v.integer);
  }
  static std::string write(T i) { return std::to_string(i); }
  static std::string type_name() {
    return std::is_unsigned_v<T> ? "a whole number of zero or more" : "a whole number";
  }
  static std::string hint(const value& v) { return v.kind == value_kind::text ? "; write it without quotes" : ""; }
};

template <>
struct codec<double> {
  static std::optional<double> read(const value& v);
  static std::string write(double d) { return real_literal(d); }
  static std::string type_name() { return "a number"; }
  static std::string hint(const value& v);
};

template <>
struct codec<std::string> {
  static std::optional<std::string> read(const value& v);
  static std::string write(const std::string& s) { return text_literal(s); }
  static std::string type_name() { return "a text"; }
  static std::string hint(const value& v);
};

template <>
struct codec<milliseconds> {
  static std::optional<milliseconds> read(const value& v);
  static std::string write(milliseconds d) { return text_literal(show(d)); }
  static std::string type_name() { return "a duration such as \"500ms\", \"2s\", \"5m\" or \"1h\""; }
  static std::string hint(const value& v);
};

template <>
struct codec<byte_count> {
  static std::optional<byte_count> read(const value& v);
  static std::string write(byte_count b) { return text_literal(show(b)); }
  static std::string type_name() { return "a size such as \"64KB\", \"2MiB\" or a whole number of bytes"; }
  static std::string hint(const value&) { return ""; }
};

template <>
struct codec<std::vector<std::string>> {
  static std::optional<std::vector<std::string>> read(const value& v);
  static std::string write(const std::vector<std::string>& list);
  static std::string type_name() { return "a list of texts"; }
  static std::string hint(const value& v);
};

}  // namespace freshet::config

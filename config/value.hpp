// A parsed document as a tree of values, each with its place in the file. Meaning comes later
// (schema.hpp); the syntax is known to parse.cpp alone.
// Thread contract: plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/position.hpp"

namespace freshet::config {

enum class value_kind : std::uint8_t { boolean, integer, real, text, list, table, moment };

/// "a whole number", "a table": for sentences.
[[nodiscard]] std::string_view noun(value_kind kind) noexcept;

struct value {
  value_kind kind = value_kind::table;
  position at;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;                ///< a text, or a moment (date, time) as written
  std::vector<value> items;        ///< of a list; or of a table, parallel to `keys`
  std::vector<std::string> keys;   ///< of a table, in the order of the file
  std::vector<position> key_at;    ///< parallel to `keys`

  [[nodiscard]] const value* find(std::string_view key) const noexcept;
  /// Where `key` stands, or the table's own place.
  [[nodiscard]] position place_of(std::string_view key) const noexcept;
};

/// The value as it would be written, cut when long: for messages.
[[nodiscard]] std::string show(const value& v);

/// A TOML basic string with its quotes.
[[nodiscard]] std::string text_literal(std::string_view text);

/// A number as TOML writes it: shortest form that reads back as the same double, always with a point.
[[nodiscard]] std::string real_literal(double number);

}  // namespace freshet::config

#include "config/value.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace freshet::config {

std::string_view noun(value_kind kind) noexcept {
  switch (kind) {
    case value_kind::boolean: return "true or false";
    case value_kind::integer: return "a whole number";
    case value_kind::real: return "a number";
    case value_kind::text: return "a text";
    case value_kind::list: return "a list";
    case value_kind::table: return "a table";
    case value_kind::moment: return "a date or time";
  }
  return "a value";
}

const value* value::find(std::string_view key) const noexcept {
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (keys[i] == key) return &items[i];
  return nullptr;
}

position value::place_of(std::string_view key) const noexcept {
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (keys[i] == key) return key_at[i];
  return at;
}

std::string text_literal(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '\r': out += "\\r"; break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
          constexpr std::string_view digits = "0123456789ABCDEF";
          out += "\\u00";
          out += digits[byte >> 4U];
          out += digits[byte & 15U];
        } else {
          out += c;
        }
      }
    }
  }
  return out + '"';
}

std::string real_literal(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  std::array<char, 64> buffer{};
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  std::string out(buffer.data(), written.ptr);
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

std::string show(const value& v) {
  constexpr std::size_t longest = 48;
  std::string out;
  switch (v.kind) {
    case value_kind::boolean: out = v.boolean ? "true" : "false"; break;
    case value_kind::integer: out = std::to_string(v.integer); break;
    case value_kind::real: out = real_literal(v.real); break;
    case value_kind::text: out = text_literal(v.text); break;
    case value_kind::moment: out = v.text; break;
    case value_kind::table: return "a table";
    case value_kind::list:
      out = "[";
      for (const value& item : v.items) {
        if (out.size() > longest) break;
        if (out.size() > 1) out += ", ";
        out += show(item);
      }
      out += "]";
      break;
  }
  if (out.size() > longest) {
    // Never cut a UTF-8 character in two.
    std::size_t end = longest;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0U) == 0x80U) --end;
    out = out.substr(0, end) + "…";
  }
  return out;
}

}  // namespace freshet::config

#include "config/codec.hpp"

#include <cmath>

#include "config/suggest.hpp"

namespace freshet::config {

bool names_are_known(const value& v, const std::string& path, const std::string& what,
                     const std::vector<std::string>& known, problems& out) {
  if (known.empty()) return true;
  if (v.kind == value_kind::list) {
    bool all = true;
    for (const value& item : v.items) all = names_are_known(item, path, what, known, out) && all;
    return all;
  }
  for (const std::string& name : known)
    if (name == v.text) return true;
  out.add(v.at, path, show(v) + " is no known " + what + advice(v.text, known));
  return false;
}

std::optional<bool> codec<bool>::read(const value& v) {
  if (v.kind != value_kind::boolean) return std::nullopt;
  return v.boolean;
}
std::string codec<bool>::hint(const value& v) {
  return v.kind == value_kind::text && (v.text == "true" || v.text == "false") ? "; write it without quotes" : "";
}

std::optional<double> codec<double>::read(const value& v) {
  if (v.kind == value_kind::integer) return static_cast<double>(v.integer);
  // No setting has a meaning at infinity.
  if (v.kind != value_kind::real || !std::isfinite(v.real)) return std::nullopt;
  return v.real;
}
std::string codec<double>::hint(const value& v) {
  return v.kind == value_kind::text ? "; write it without quotes" : "";
}

std::optional<std::string> codec<std::string>::read(const value& v) {
  if (v.kind != value_kind::text) return std::nullopt;
  return v.text;
}
std::string codec<std::string>::hint(const value& v) {
  return v.kind == value_kind::list || v.kind == value_kind::table ? "" : "; write it in quotes";
}

std::optional<milliseconds> codec<milliseconds>::read(const value& v) {
  if (v.kind != value_kind::text) return std::nullopt;
  return parse_duration(v.text);
}
std::string codec<milliseconds>::hint(const value& v) {
  if (v.kind != value_kind::integer) return "";
  const std::string digits = std::to_string(v.integer);
  return "; it needs its unit: \"" + digits + "ms\" or \"" + digits + "s\"";
}

std::optional<byte_count> codec<byte_count>::read(const value& v) {
  if (v.kind == value_kind::integer && v.integer >= 0) return byte_count(static_cast<std::uint64_t>(v.integer));
  if (v.kind != value_kind::text) return std::nullopt;
  return parse_bytes(v.text);
}

std::optional<std::vector<std::string>> codec<std::vector<std::string>>::read(const value& v) {
  if (v.kind != value_kind::list) return std::nullopt;
  std::vector<std::string> list;
  for (const value& item : v.items) {
    if (item.kind != value_kind::text) return std::nullopt;
    list.push_back(item.text);
  }
  return list;
}
std::string codec<std::vector<std::string>>::write(const std::vector<std::string>& list) {
  std::string out = "[";
  for (std::size_t i = 0; i < list.size(); ++i) out += (i == 0 ? "" : ", ") + text_literal(list[i]);
  return out + "]";
}
std::string codec<std::vector<std::string>>::hint(const value& v) {
  return v.kind == value_kind::text ? "; write [" + text_literal(v.text) + "]" : "";
}

}  // namespace freshet::config

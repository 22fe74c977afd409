#include "config/parse.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>

namespace freshet::config {
namespace {

position place(const toml::source_region& region) {
  return {static_cast<std::uint32_t>(region.begin.line), static_cast<std::uint32_t>(region.begin.column)};
}

/// toml++ keeps a table's keys by name; the file's order is the one that people expect.
void restore_file_order(value& table) {
  std::vector<std::size_t> order(table.keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return table.key_at[a] < table.key_at[b]; });
  value sorted;
  for (const std::size_t i : order) {
    sorted.keys.push_back(std::move(table.keys[i]));
    sorted.key_at.push_back(table.key_at[i]);
    sorted.items.push_back(std::move(table.items[i]));
  }
  table.keys = std::move(sorted.keys);
  table.key_at = std::move(sorted.key_at);
  table.items = std::move(sorted.items);
}

// Depth is bounded by toml++'s own limit on nesting, which it reports as an error.
value convert(const toml::node& node) {
  value v;
  v.at = place(node.source());
  switch (node.type()) {
    case toml::node_type::boolean:
      v.kind = value_kind::boolean;
      v.boolean = node.as_boolean()->get();
      break;
    case toml::node_type::integer:
      v.kind = value_kind::integer;
      v.integer = node.as_integer()->get();
      break;
    case toml::node_type::floating_point:
      v.kind = value_kind::real;
      v.real = node.as_floating_point()->get();
      break;
    case toml::node_type::string:
      v.kind = value_kind::text;
      v.text = node.as_string()->get();
      break;
    case toml::node_type::array:
      v.kind = value_kind::list;
      for (const toml::node& item : *node.as_array()) v.items.push_back(convert(item));
      break;
    case toml::node_type::table:
      v.kind = value_kind::table;
      for (const auto& [key, item] : *node.as_table()) {
        v.keys.emplace_back(key.str());
        v.key_at.push_back(place(key.source()));
        v.items.push_back(convert(item));
      }
      restore_file_order(v);
      break;
    default: {
      v.kind = value_kind::moment;
      std::ostringstream written;
      if (const auto* date = node.as_date()) written << *date;
      if (const auto* time = node.as_time()) written << *time;
      if (const auto* both = node.as_date_time()) written << *both;
      v.text = written.str();
    }
  }
  return v;
}

}  // namespace

std::optional<value> parse_toml(std::string_view text, problems& out) {
  if (text.size() > largest_document_bytes) {
    out.add({}, "",
            std::to_string(text.size()) + " bytes; a configuration has at most " +
                std::to_string(largest_document_bytes));
    return std::nullopt;
  }
  try {
    return convert(toml::parse(text, out.file()));
  } catch (const toml::parse_error& e) {
    out.add(place(e.source()), "", "not TOML: " + std::string(e.description()));
    return std::nullopt;
  }
}

result<std::string> read_text_file(const std::string& path) {
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  if (!std::filesystem::exists(status)) return error{errc::not_found, path};
  if (!std::filesystem::is_regular_file(status))
    return error{errc::io, path + " is not a regular file; a configuration is a TOML file"};
  const auto bytes = std::filesystem::file_size(path, code);
  if (!code && bytes > largest_document_bytes)
    return error{errc::too_large, path + " has " + std::to_string(bytes) + " bytes; a configuration has at most " +
                                      std::to_string(largest_document_bytes)};
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in) return error{errc::io, path + ": " + std::strerror(errno)};
  return text;
}

}  // namespace freshet::config

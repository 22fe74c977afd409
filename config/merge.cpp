#include "config/merge.hpp"

#include "config/parse.hpp"
#include "config/problem.hpp"

namespace freshet::config {
namespace {

std::string key_literal(const std::string& key) {
  bool bare = !key.empty();
  for (char c : key) {
    bare = bare && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-');
  }
  return bare ? key : text_literal(key);
}

std::string inline_literal(const value& v) {
  std::string out;
  switch (v.kind) {
    case value_kind::boolean: return v.boolean ? "true" : "false";
    case value_kind::integer: return std::to_string(v.integer);
    case value_kind::real: return real_literal(v.real);
    case value_kind::text: return text_literal(v.text);
    case value_kind::moment: return v.text;
    case value_kind::list:
      for (const value& item : v.items) out += (out.empty() ? "" : ", ") + inline_literal(item);
      return "[" + out + "]";
    case value_kind::table:
      for (std::size_t i = 0; i < v.items.size(); ++i) {
        out += (out.empty() ? "" : ", ") + key_literal(v.keys[i]) + " = " + inline_literal(v.items[i]);
      }
      return "{ " + out + " }";
  }
  return out;
}

void write_table(const value& table, const std::string& path, std::string& out) {
  bool headed = path.empty();
  if (!headed && table.items.empty()) out += "\n[" + path + "]\n";
  for (std::size_t i = 0; i < table.items.size(); ++i) {
    if (table.items[i].kind == value_kind::table) continue;
    if (!headed) {
      out += "\n[" + path + "]\n";
      headed = true;
    }
    out += key_literal(table.keys[i]) + " = " + inline_literal(table.items[i]) + "\n";
  }
  for (std::size_t i = 0; i < table.items.size(); ++i) {
    if (table.items[i].kind != value_kind::table) continue;
    write_table(table.items[i], (path.empty() ? "" : path + ".") + key_literal(table.keys[i]), out);
  }
}

}  // namespace

value merged(value base, const value& over) {
  for (std::size_t i = 0; i < over.items.size(); ++i) {
    std::size_t at = 0;
    while (at < base.keys.size() && base.keys[at] != over.keys[i]) ++at;
    if (at == base.keys.size()) {
      base.keys.push_back(over.keys[i]);
      base.key_at.push_back(over.key_at[i]);
      base.items.push_back(over.items[i]);
    } else if (base.items[at].kind == value_kind::table && over.items[i].kind == value_kind::table) {
      base.items[at] = merged(std::move(base.items[at]), over.items[i]);
    } else {
      base.items[at] = over.items[i];
      base.key_at[at] = over.key_at[i];
    }
  }
  return base;
}

std::string to_toml(const value& table) {
  std::string out;
  write_table(table, "", out);
  return out;
}

result<std::string> merge_texts(const std::vector<std::string>& texts) {
  value whole;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    problems found("text " + std::to_string(i + 1));
    const auto parsed = parse_toml(texts[i], found);
    if (!parsed) return found.as_error();
    whole = merged(std::move(whole), *parsed);
  }
  return to_toml(whole);
}

}  // namespace freshet::config

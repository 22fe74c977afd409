#include "tools/freshet/service/figures.hpp"

#include <utility>

namespace freshet::cli {

using nlohmann::json;

std::vector<role_figures> read_figures(std::string_view document) {
  std::vector<role_figures> out;
  json root = json::parse(document, nullptr, false);
  if (!root.is_object() || !root.contains("roles") || !root["roles"].is_array()) return out;
  for (json& entry : root["roles"]) {
    if (!entry.is_object()) continue;
    const auto text = [&](const char* key) { return entry.contains(key) && entry[key].is_string(); };
    if (!text("node") || !text("role") || !entry.contains("stats") || !entry["stats"].is_object()) continue;
    role_figures r;
    r.node = entry["node"].get<std::string>();
    r.role = entry["role"].get<std::string>();
    if (entry.contains("age_ms") && entry["age_ms"].is_number_unsigned())
      r.age_ms = entry["age_ms"].get<std::uint64_t>();
    r.silent = entry.contains("silent") && entry["silent"].is_boolean() && entry["silent"].get<bool>();
    r.stats = std::move(entry["stats"]);
    out.push_back(std::move(r));
  }
  return out;
}

}  // namespace freshet::cli

#include "actors/stats/merge_patch.hpp"

#include <utility>

#include "kernels/base/json_line.hpp"

namespace freshet::actors {

using nlohmann::json;

json difference(const json& before, const json& after) {
  json patch = json::object();
  // Both are sorted by key: one walk over the two.
  auto old = before.begin();
  auto now = after.begin();
  while (old != before.end() || now != after.end()) {
    if (now == after.end() || (old != before.end() && old.key() < now.key())) {
      patch[old.key()] = nullptr;
      ++old;
    } else if (old == before.end() || now.key() < old.key()) {
      patch[now.key()] = now.value();
      ++now;
    } else {
      if (old->is_object() && now->is_object()) {
        json inner = difference(*old, *now);
        if (!inner.empty()) patch[now.key()] = std::move(inner);
      } else if (*old != *now) {
        patch[now.key()] = now.value();
      }
      ++old;
      ++now;
    }
  }
  return patch;
}

std::vector<std::string> pages(const json& patch, std::size_t bytes) {
  std::string whole = json_line(patch);
  if (whole.size() <= bytes) return {std::move(whole)};
  constexpr std::size_t frame = 8;  // quotes, colon, braces, comma
  std::vector<std::string> out;
  json page = json::object();
  std::size_t used = 2;
  const auto close = [&] {
    if (page.empty()) return;
    out.push_back(json_line(page));
    page = json::object();
    used = 2;
  };
  for (const auto& [key, value] : patch.items()) {
    if (!value.is_object() || value.empty()) {
      const std::size_t size = key.size() + json_line(value).size() + frame;
      if (used + size > bytes) close();
      page[key] = value;
      used += size;
      continue;
    }
    for (const auto& [inner_key, inner] : value.items()) {
      const std::size_t size = json_line(inner_key).size() + json_line(inner).size() + frame;
      const std::size_t opening = page.contains(key) ? 0 : json_line(key).size() + frame;
      if (used + opening + size > bytes) {
        close();
        used += json_line(key).size() + frame;
      } else {
        used += opening;
      }
      page[key][inner_key] = inner;
      used += size;
    }
  }
  close();
  return out;
}

}  // namespace freshet::actors

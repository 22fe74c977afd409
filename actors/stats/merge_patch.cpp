#include "actors/stats/merge_patch.hpp"

#include <utility>

#include "actors/stats/json_text.hpp"

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
  std::string whole = text_of(patch);
  if (whole.size() <= bytes) return {std::move(whole)};
  constexpr std::size_t frame = 8;  // quotes, colon, braces, comma
  std::vector<std::string> out;
  json page = json::object();
  std::size_t used = 2;
  const auto close = [&] {
    if (page.empty()) return;
    out.push_back(text_of(page));
    page = json::object();
    used = 2;
  };
  for (const auto& [key, value] : patch.items()) {
    if (!value.is_object() || value.empty()) {
      const std::size_t size = key.size() + text_of(value).size() + frame;
      if (used + size > bytes) close();
      page[key] = value;
      used += size;
      continue;
    }
    for (const auto& [inner_key, inner] : value.items()) {
      const std::size_t size = text_of(inner_key).size() + text_of(inner).size() + frame;
      const std::size_t opening = page.contains(key) ? 0 : text_of(key).size() + frame;
      if (used + opening + size > bytes) {
        close();
        used += text_of(key).size() + frame;
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

#include "config/problem.hpp"

#include <algorithm>

namespace freshet::config {

void problems::add(position at, std::string key, std::string message) {
  list_.push_back({at, std::move(key), std::move(message)});
}

std::vector<problem> problems::sorted() const {
  std::vector<problem> ordered = list_;
  std::stable_sort(ordered.begin(), ordered.end(), [](const problem& a, const problem& b) { return a.at < b.at; });
  return ordered;
}

std::string problems::text() const {
  std::string out;
  for (const problem& p : sorted()) {
    if (!out.empty()) out += '\n';
    out += file_;
    if (p.at.line != 0) out += ':' + std::to_string(p.at.line) + ':' + std::to_string(p.at.column);
    out += ": ";
    if (!p.key.empty()) out += p.key + ": ";
    out += p.message;
  }
  return out;
}

error problems::as_error() const { return error{errc::config, text()}; }

}  // namespace freshet::config

#include "tools/freshet/service/reload.hpp"

#include "config/document.hpp"
#include "config/print.hpp"
#include "config/problem.hpp"

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

namespace freshet::cli {
namespace {

/// Every setting of the effective document as its full name and its value, in order.
std::vector<std::pair<std::string, std::string>> settings_of(const std::string& text) {
  config::problems ignored("configuration");
  const auto document = config::read_document(text, ignored);
  if (!document) return {};
  std::vector<std::pair<std::string, std::string>> out;
  std::map<std::string, int> counts;
  std::string section;
  std::istringstream lines(config::effective_text(*document));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') continue;
    if (line.compare(0, 2, "[[") == 0) {
      const std::string name = line.substr(2, line.find("]]") - 2);
      section = name + "[" + std::to_string(++counts[name]) + "]";
      continue;
    }
    if (line.front() == '[') {
      section = line.substr(1, line.find(']') - 1);
      // Tables of a role stand behind its entry.
      if (section.compare(0, 6, "roles.") == 0)
        section = "roles[" + std::to_string(counts["roles"]) + "]" + section.substr(5);
      continue;
    }
    const std::size_t sign = line.find(" = ");
    if (sign == std::string::npos) {
      if (!out.empty()) out.back().second += line;  // a long list goes on
      continue;
    }
    std::string value = line.substr(sign + 3);
    if (const std::size_t remark = value.rfind("  # default: "); remark != std::string::npos) value.resize(remark);
    out.emplace_back((section.empty() ? "" : section + ".") + line.substr(0, sign), std::move(value));
  }
  return out;
}

}  // namespace

std::vector<std::string> changes_between(const std::string& old_document, const std::string& new_document) {
  const auto before = settings_of(old_document);
  const auto after = settings_of(new_document);
  std::map<std::string, std::string> old_values(before.begin(), before.end());
  std::vector<std::string> out;
  for (const auto& [name, value] : after) {
    const auto found = old_values.find(name);
    if (found == old_values.end()) {
      out.push_back(name + ": " + value + " is new");
    } else {
      if (found->second != value) out.push_back(name + ": " + found->second + " becomes " + value);
      old_values.erase(found);
    }
  }
  for (const auto& [name, value] : before)
    if (old_values.count(name) > 0) out.push_back(name + ": " + value + " is gone");
  return out;
}

}  // namespace freshet::cli

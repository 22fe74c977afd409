#include "config/schema.hpp"

#include <algorithm>

#include "config/suggest.hpp"

namespace freshet::config {

void report_unknown_keys(const value& table, const std::string& path, const std::vector<std::string>& known,
                         problems& out) {
  for (std::size_t i = 0; i < table.keys.size(); ++i)
    if (std::find(known.begin(), known.end(), table.keys[i]) == known.end())
      out.add(table.key_at[i], joined(path, table.keys[i]),
              "no such setting" + (known.empty() ? "; there is nothing to set here" : advice(table.keys[i], known)));
}

std::string joined(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

}  // namespace freshet::config

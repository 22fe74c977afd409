#include "config/suggest.hpp"

#include <algorithm>

namespace freshet::config {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the dynamic programme: two back (for swaps), one back, current.
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

std::string nearest(std::string_view wrong, const std::vector<std::string>& known) {
  constexpr std::size_t longest = 64;  // no setting has a longer name
  if (wrong.empty() || wrong.size() > longest) return {};
  std::string plain(wrong);
  std::replace(plain.begin(), plain.end(), '-', '_');
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, plain.size() / 3) + 1;
  for (const std::string& name : known) {
    std::size_t distance = edit_distance(plain, name);
    // One is the beginning of the other: "rank" for "rank_r", "teach" for "teacher".
    const std::size_t shorter = std::min(plain.size(), name.size());
    if (shorter >= 3 && name.compare(0, shorter, plain, 0, shorter) == 0) distance = std::min<std::size_t>(distance, 1);
    if (distance < best_distance) {
      best = name;
      best_distance = distance;
    }
  }
  return best;
}

std::string listed(const std::vector<std::string>& names, std::string_view last_joint) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i != 0) out += i + 1 == names.size() ? std::string(last_joint) : std::string(", ");
    out += names[i];
  }
  return out;
}

std::string advice(std::string_view wrong, const std::vector<std::string>& known) {
  const std::string near = nearest(wrong, known);
  if (!near.empty()) return "; did you mean " + near + "?";
  return (known.size() == 1 ? "; known is " : "; known are ") + listed(known);
}

}  // namespace freshet::config

#include "kernels/delta/knapsack.hpp"

#include <algorithm>
#include <numeric>
#include <queue>

namespace freshet::delta {
namespace {

double slope(const rate_option& from, const rate_option& to) {
  return (to.gain - from.gain) / static_cast<double>(std::max<std::uint64_t>(1, to.bytes - from.bytes));
}

using items_t = std::vector<std::vector<rate_option>>;

struct selection {
  std::vector<std::size_t> picks;
  std::uint64_t left = 0;

  [[nodiscard]] rate_option at(const items_t& items, std::size_t item) const {
    return picks[item] == no_option ? rate_option{} : items[item][picks[item]];
  }
  [[nodiscard]] double gain(const items_t& items) const {
    double sum = 0;
    for (std::size_t i = 0; i < items.size(); ++i) sum += at(items, i).gain;
    return sum;
  }
};

// Walks all hulls at once, steepest step first; an item whose next step is too big stays.
selection walk_hulls(const items_t& items, std::uint64_t budget_bytes) {
  struct step {
    double slope;
    std::size_t item;
    std::size_t place;  // on the item's hull
    bool operator<(const step& other) const { return slope != other.slope ? slope < other.slope : item > other.item; }
  };
  std::vector<std::vector<std::size_t>> hulls(items.size());
  std::priority_queue<step> steps;
  for (std::size_t i = 0; i < items.size(); ++i) {
    hulls[i] = concave_hull(items[i], budget_bytes);
    if (!hulls[i].empty()) steps.push({slope({}, items[i][hulls[i][0]]), i, 0});
  }
  selection out{std::vector<std::size_t>(items.size(), no_option), budget_bytes};
  while (!steps.empty()) {
    const step now = steps.top();
    steps.pop();
    const auto& hull = hulls[now.item];
    const rate_option& to = items[now.item][hull[now.place]];
    const std::uint64_t cost = to.bytes - out.at(items, now.item).bytes;
    if (cost > out.left) continue;
    out.left -= cost;
    out.picks[now.item] = hull[now.place];
    if (now.place + 1 < hull.size()) {
      steps.push({slope(to, items[now.item][hull[now.place + 1]]), now.item, now.place + 1});
    }
  }
  return out;
}

// Takes the best exchange that fits until none is left: options off the hulls count too.
void fill(const items_t& items, selection& chosen) {
  for (;;) {
    double best_rate = 0;
    std::size_t best_item = 0;
    std::size_t best_option = no_option;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const rate_option now = chosen.at(items, i);
      for (std::size_t o = 0; o < items[i].size(); ++o) {
        const rate_option& to = items[i][o];
        if (!(to.gain > now.gain) || to.bytes > now.bytes + chosen.left) continue;
        const std::uint64_t cost = to.bytes > now.bytes ? to.bytes - now.bytes : 0;
        const double rate = (to.gain - now.gain) / static_cast<double>(cost + 1);
        if (rate > best_rate) {
          best_rate = rate;
          best_item = i;
          best_option = o;
        }
      }
    }
    if (best_option == no_option) return;
    chosen.left = chosen.left + chosen.at(items, best_item).bytes - items[best_item][best_option].bytes;
    chosen.picks[best_item] = best_option;
  }
}

}  // namespace

std::vector<std::size_t> concave_hull(const std::vector<rate_option>& options, std::uint64_t budget_bytes) {
  std::vector<std::size_t> order(options.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (options[a].bytes != options[b].bytes) return options[a].bytes < options[b].bytes;
    if (options[a].gain != options[b].gain) return options[a].gain > options[b].gain;
    return a < b;
  });
  std::vector<std::size_t> hull;
  const auto before = [&](std::size_t place) { return place == 0 ? rate_option{} : options[hull[place - 1]]; };
  for (const std::size_t next : order) {
    const rate_option& here = options[next];
    if (here.bytes > budget_bytes) break;
    const rate_option last = before(hull.size());
    if (!(here.gain > last.gain) || here.bytes == last.bytes) continue;
    while (!hull.empty() &&
           slope(before(hull.size() - 1), options[hull.back()]) <= slope(before(hull.size() - 1), here)) {
      hull.pop_back();
    }
    hull.push_back(next);
  }
  return hull;
}

std::vector<std::size_t> choose_rates(const std::vector<std::vector<rate_option>>& items, std::uint64_t budget_bytes) {
  selection best = walk_hulls(items, budget_bytes);
  fill(items, best);

  // One option may outweigh everything that the walk took before it.
  double top_gain = 0;
  selection single{std::vector<std::size_t>(items.size(), no_option), budget_bytes};
  std::size_t top_item = no_option;
  std::size_t top_option = no_option;
  for (std::size_t i = 0; i < items.size(); ++i) {
    for (std::size_t o = 0; o < items[i].size(); ++o) {
      if (items[i][o].bytes <= budget_bytes && items[i][o].gain > top_gain) {
        top_gain = items[i][o].gain;
        top_item = i;
        top_option = o;
      }
    }
  }
  if (top_item == no_option || top_gain <= best.gain(items)) return best.picks;
  single.picks[top_item] = top_option;
  single.left -= items[top_item][top_option].bytes;
  fill(items, single);
  return single.picks;
}

}  // namespace freshet::delta

#include "tools/freshet/bench/side_by_side.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "kernels/base/check.hpp"

namespace freshet::cli {
namespace {

std::string number(double value) {
  char text[48];
  std::snprintf(text, sizeof text, value >= 1000 ? "%.0f" : value >= 10 ? "%.1f" : "%.3f", value);
  return text;
}

std::string aim_text(const bench_aim& aim) {
  char text[48];
  std::snprintf(text, sizeof text, "%s %s %g", aim.what == bench_aim::of::ratio ? "ratio" : "ours",
                aim.at_most ? "<=" : ">=", aim.bound);
  return text;
}

std::string verdict(const comparison& c) { return !c.aim ? "" : c.met() ? "met" : "missed"; }

std::string padded(std::string text, std::size_t width, bool to_the_right) {
  if (text.size() >= width) return text;
  const std::string space(width - text.size(), ' ');
  return to_the_right ? space + text : text + space;
}

}  // namespace

bool comparison::met() const {
  if (!aim) return true;
  const double value = aim->what == bench_aim::of::ratio ? ratio : ours;
  return aim->at_most ? value <= aim->bound : value >= aim->bound;
}

double median(std::vector<double> values) {
  FRESHET_ENSURE(!values.empty(), "median of nothing");
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

double seconds_of(const std::function<void()>& call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

turns in_turns(std::size_t rounds, const std::function<double()>& ours, const std::function<double()>& reference) {
  std::vector<double> a;
  std::vector<double> b;
  std::vector<double> ratios;
  for (std::size_t i = 0; i <= rounds; ++i) {
    const double mine = ours();
    const double other = reference();
    if (i == 0) continue;  // caches, pages and clocks warm up
    a.push_back(mine);
    b.push_back(other);
    ratios.push_back(mine / other);
  }
  return {median(a), median(b), median(ratios)};
}

comparison compare(std::string what, std::string unit, std::string against, const turns& measured,
                   std::optional<bench_aim> aim) {
  return {std::move(what), std::move(unit), measured.ours, std::move(against), measured.reference, measured.ratio, aim};
}

std::string comparison_table(const std::string& title, const std::vector<comparison>& lines) {
  std::vector<std::vector<std::string>> rows{{"what", "ours", "reference", "unit", "ratio", "aim", "", "against"}};
  for (const comparison& c : lines) {
    rows.push_back({c.what, number(c.ours), number(c.reference), c.unit, number(c.ratio), c.aim ? aim_text(*c.aim) : "",
                    verdict(c), c.against});
  }
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out = title + '\n';
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool figure = i == 1 || i == 2 || i == 4;
      line += padded(row[i], widths[i], figure) + (i + 1 < row.size() ? "  " : "");
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

nlohmann::json comparison_json(const std::string& bench, const std::vector<comparison>& lines) {
  nlohmann::json out;
  out["bench"] = bench;
  out["processors"] = std::thread::hardware_concurrency();
  double load = 0;
  out["load_average"] = getloadavg(&load, 1) == 1 ? nlohmann::json(load) : nlohmann::json();
  out["comparisons"] = nlohmann::json::array();
  for (const comparison& c : lines) {
    nlohmann::json line{{"what", c.what},       {"unit", c.unit},           {"ours", c.ours},
                        {"against", c.against}, {"reference", c.reference}, {"ratio", c.ratio}};
    if (c.aim) {
      line["aim"] = {{"of", c.aim->what == bench_aim::of::ratio ? "ratio" : "ours"},
                     {c.aim->at_most ? "at_most" : "at_least", c.aim->bound}};
      line["met"] = c.met();
    }
    out["comparisons"].push_back(std::move(line));
  }
  return out;
}

}  // namespace freshet::cli

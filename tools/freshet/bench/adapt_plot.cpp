// The plot of a comparison: accuracy along the stream, phases as bands, a line a policy.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tools/freshet/bench/adapt_report.hpp"

namespace freshet::cli {
namespace {

constexpr double width = 960;
constexpr double height = 420;
constexpr double left = 56;
constexpr double right = 150;
constexpr double top = 36;
constexpr double bottom = 40;
constexpr const char* colours[] = {"#8a8a8a", "#c98f00", "#5b8bd6", "#8f5bd6", "#2f9e8f", "#b0468c", "#444444", "#e4572e"};

std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", x);
  return text;
}

/// Mean over seeds, smoothed over neighbouring ticks.
std::vector<double> curve_of(const std::string& policy, const std::vector<adapt_outcome>& outcomes) {
  constexpr std::ptrdiff_t reach = 2;
  std::vector<double> mean;
  double seeds = 0;
  for (const auto& o : outcomes) {
    if (o.policy != policy) continue;
    mean.resize(std::max(mean.size(), o.curve.size()), 0);
    for (std::size_t i = 0; i < o.curve.size(); ++i) mean[i] += o.curve[i];
    seeds += 1;
  }
  std::vector<double> out(mean.size());
  const auto last = static_cast<std::ptrdiff_t>(mean.size()) - 1;
  for (std::ptrdiff_t i = 0; i <= last; ++i) {
    double sum = 0;
    double n = 0;
    for (std::ptrdiff_t j = std::max<std::ptrdiff_t>(0, i - reach); j <= std::min(last, i + reach); ++j) {
      sum += mean[static_cast<std::size_t>(j)] / seeds;
      n += 1;
    }
    out[static_cast<std::size_t>(i)] = sum / n;
  }
  return out;
}

}  // namespace

std::string adapt_plot(const adapt_plan& plan, const std::vector<adapt_outcome>& outcomes) {
  std::vector<std::string> names;
  for (const auto& o : outcomes) {
    if (std::find(names.begin(), names.end(), o.policy) == names.end()) names.push_back(o.policy);
  }
  double lowest = 1;
  double highest = 0;
  std::vector<std::vector<double>> curves;
  for (const auto& name : names) {
    curves.push_back(curve_of(name, outcomes));
    for (double v : curves.back()) {
      lowest = std::min(lowest, v);
      highest = std::max(highest, v);
    }
  }
  lowest = std::floor(lowest * 10) / 10;
  highest = std::max(lowest + 0.1, std::ceil(highest * 10) / 10);
  const double plot_width = width - left - right;
  const double plot_height = height - top - bottom;
  const auto y_of = [&](double accuracy) { return top + plot_height * (highest - accuracy) / (highest - lowest); };

  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(width) + " " + number(height) +
                    "\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
  double all = 0;
  if (!outcomes.empty()) {
    for (const auto& p : outcomes.front().phases) all += static_cast<double>(p.samples);
  }
  double x = left;
  for (std::size_t p = 0; p < plan.phases.size() && all > 0; ++p) {
    const double w = plot_width * static_cast<double>(outcomes.front().phases[p].samples) / all;
    if (p % 2 == 1) {
      out += "<rect x=\"" + number(x) + "\" y=\"" + number(top) + "\" width=\"" + number(w) + "\" height=\"" +
             number(plot_height) + "\" fill=\"#f2f4f7\"/>\n";
    }
    out += "<text x=\"" + number(x + w / 2) + "\" y=\"" + number(top - 12) + "\" text-anchor=\"middle\" fill=\"#333\">" +
           plan.phases[p] + "</text>\n";
    x += w;
  }
  for (double a = lowest; a <= highest + 1e-9; a += 0.1) {
    out += "<line x1=\"" + number(left) + "\" x2=\"" + number(width - right) + "\" y1=\"" + number(y_of(a)) + "\" y2=\"" +
           number(y_of(a)) + "\" stroke=\"#dddddd\"/>\n<text x=\"" + number(left - 8) + "\" y=\"" + number(y_of(a) + 4) +
           "\" text-anchor=\"end\" fill=\"#333\">" + number(100 * a) + "</text>\n";
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const char* colour = colours[i % (sizeof colours / sizeof *colours)];
    std::string points;
    const double n = static_cast<double>(curves[i].size());
    for (std::size_t t = 0; t < curves[i].size(); ++t) {
      points += number(left + plot_width * (static_cast<double>(t) + 0.5) / n) + "," + number(y_of(curves[i][t])) + " ";
    }
    const bool ours = names[i] == "freshet";
    out += "<polyline fill=\"none\" stroke=\"" + std::string(colour) + "\" stroke-width=\"" + (ours ? "3" : "1.6") +
           "\" points=\"" + points + "\"/>\n";
    const double y = top + 14 + 20 * static_cast<double>(i);
    out += "<line x1=\"" + number(width - right + 14) + "\" x2=\"" + number(width - right + 38) + "\" y1=\"" + number(y) +
           "\" y2=\"" + number(y) + "\" stroke=\"" + colour + "\" stroke-width=\"" + (ours ? "3" : "2") +
           "\"/>\n<text x=\"" + number(width - right + 46) + "\" y=\"" + number(y + 4) + "\" fill=\"#333\">" + names[i] +
           "</text>\n";
  }
  out += "<text x=\"" + number(left) + "\" y=\"" + number(height - 12) +
         "\" fill=\"#333\">accuracy in %, answered before it is learned from, along the stream</text>\n</svg>\n";
  return out;
}

}  // namespace freshet::cli

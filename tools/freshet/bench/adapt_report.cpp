#include "tools/freshet/bench/adapt_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>
#include <utility>

namespace freshet::cli {
namespace {

using json = nlohmann::ordered_json;

struct spread {
  double mean = 0;
  double deviation = 0;   ///< of the sample; 0 for one seed
};

spread spread_of(const std::vector<double>& values) {
  spread s;
  if (values.empty()) return s;
  for (double v : values) s.mean += v / static_cast<double>(values.size());
  if (values.size() < 2) return s;
  for (double v : values) s.deviation += (v - s.mean) * (v - s.mean) / static_cast<double>(values.size() - 1);
  s.deviation = std::sqrt(s.deviation);
  return s;
}

void put(json& to, const std::string& key, const std::vector<double>& values) {
  const spread s = spread_of(values);
  to[key] = s.mean;
  to[key + "_std"] = s.deviation;
}

bool returns(const adapt_plan& plan) { return plan.phases.size() > 1 && plan.phases.front() == plan.phases.back(); }

double ratio(double a, double b) { return b > 0 ? a / b : 0; }

std::string cell(const char* format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string bytes_text(double bytes) {
  if (bytes < 1000) return cell("%.0f B", bytes);
  if (bytes < 1e6) return cell("%.1f kB", bytes / 1e3);
  return cell("%.2f MB", bytes / 1e6);
}

}  // namespace

json adapt_json(const adapt_plan& plan, const std::vector<std::uint64_t>& seeds,
                const std::vector<adapt_outcome>& outcomes) {
  json report;
  report["data"] = plan.data == "scenes" ? plan.data : std::filesystem::path(plan.data).filename().string();
  report["phases"] = plan.phases;
  report["seeds"] = seeds;
  report["devices"] = plan.devices;
  report["severity"] = plan.severity;
  const auto frozen = [&](std::uint64_t seed) -> const adapt_outcome* {
    for (const auto& o : outcomes) {
      if (o.policy == "frozen" && o.seed == seed) return &o;
    }
    return nullptr;
  };
  std::vector<std::string> names;
  for (const auto& o : outcomes) {
    if (std::find(names.begin(), names.end(), o.policy) == names.end()) names.push_back(o.policy);
  }
  report["policies"] = json::array();
  for (const std::string& name : names) {
    std::vector<const adapt_outcome*> mine;
    for (const auto& o : outcomes) {
      if (o.policy == name) mine.push_back(&o);
    }
    const auto over_seeds = [&](const std::function<double(const adapt_outcome&)>& value) {
      std::vector<double> values;
      for (const adapt_outcome* o : mine) values.push_back(value(*o));
      return values;
    };
    json entry;
    entry["name"] = name;
    put(entry, "accuracy",
        over_seeds([](const auto& o) { return ratio(static_cast<double>(o.correct), static_cast<double>(o.samples)); }));
    entry["accuracy_by_phase"] = json::array();
    for (std::size_t p = 0; p < plan.phases.size(); ++p) {
      json phase;
      phase["phase"] = plan.phases[p];
      put(phase, "accuracy", over_seeds([p](const auto& o) { return o.phases[p].accuracy(); }));
      entry["accuracy_by_phase"].push_back(phase);
    }
    put(entry, "forgetting", over_seeds([&](const auto& o) {
          if (!returns(plan)) return 0.0;
          const adapt_outcome* base = frozen(o.seed);
          const double began = base != nullptr ? base->phases.back().accuracy() : o.phases.front().accuracy();
          return 100 * (began - o.phases.back().accuracy());
        }));
    put(entry, "recovery_samples", over_seeds([&](const auto& o) {
          double sum = 0;
          double shifted = 0;
          for (std::size_t p = 1; p < o.phases.size(); ++p) {
            if (plan.phases[p] == plan.phases.front()) continue;
            sum += static_cast<double>(o.phases[p].recovery_samples);
            shifted += 1;
          }
          return ratio(sum, shifted);
        }));
    put(entry, "uplink_bytes", over_seeds([](const auto& o) { return static_cast<double>(o.uplink_bytes); }));
    put(entry, "downlink_bytes", over_seeds([](const auto& o) { return static_cast<double>(o.downlink_bytes); }));
    put(entry, "uplink_bytes_per_sample", over_seeds([](const auto& o) {
          return ratio(static_cast<double>(o.uplink_bytes), static_cast<double>(o.samples));
        }));
    put(entry, "downlink_bytes_per_refresh", over_seeds([&](const auto& o) {
          return ratio(static_cast<double>(o.downlink_bytes), static_cast<double>(o.refreshes * plan.devices));
        }));
    put(entry, "refreshes", over_seeds([](const auto& o) { return static_cast<double>(o.refreshes); }));
    put(entry, "samples", over_seeds([](const auto& o) { return static_cast<double>(o.samples); }));
    put(entry, "skipped_samples", over_seeds([](const auto& o) { return static_cast<double>(o.skipped); }));
    put(entry, "trained_samples", over_seeds([](const auto& o) { return static_cast<double>(o.trained); }));
    put(entry, "stragglers", over_seeds([](const auto& o) { return static_cast<double>(o.stragglers); }));
    put(entry, "seconds", over_seeds([](const auto& o) { return o.seconds; }));
    std::vector<stage_time> stages = stages_of_the_loop();
    for (const adapt_outcome* o : mine) add_times(stages, o->stages);
    entry["stages"] = json::array();
    for (const stage_time& s : stages) {
      json one;
      one["role"] = s.role;
      one["stage"] = s.stage;
      one["per"] = s.per;
      one["things"] = s.things;
      one["seconds"] = s.seconds;
      one["seconds_each"] = ratio(s.seconds, static_cast<double>(s.things));
      one["longest_piece"] = s.longest;
      entry["stages"].push_back(one);
    }
    report["policies"].push_back(entry);
  }
  if (!outcomes.empty()) {
    std::vector<double> png;
    std::vector<double> jpeg;
    std::vector<double> text;
    for (const auto& o : outcomes) {
      png.push_back(o.png_bytes_per_sample);
      jpeg.push_back(o.jpeg_bytes_per_sample);
      text.push_back(o.text_bytes_per_sample);
    }
    report["references"]["png_bytes_per_sample"] = spread_of(png).mean;
    report["references"]["jpeg_bytes_per_sample"] = spread_of(jpeg).mean;
    report["references"]["text_bytes_per_sample"] = spread_of(text).mean;
    report["references"]["adapter_fp16_bytes"] = 2 * outcomes.front().adapter_values;
    std::uint64_t peak = 0;
    for (const auto& o : outcomes) peak = std::max(peak, o.peak_resident_bytes);
    report["peak_resident_bytes"] = peak;
  }
  return report;
}

namespace {

/// The first column to the left, all others to the right.
std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  // Widths in characters; ± is two bytes and one column.
  const auto columns = [](const std::string& s) {
    return static_cast<std::size_t>(std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  };
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - columns(row[i]), ' ');
      out += i == 0 ? row[i] + pad : "  " + pad + row[i];
    }
    out += '\n';
  }
  return out;
}

std::string time_text(double seconds) {
  if (seconds < 1e-3) return cell("%.1f µs", seconds * 1e6);
  if (seconds < 1) return cell("%.1f ms", seconds * 1e3);
  return cell("%.1f s", seconds);
}

}  // namespace

std::string stage_table(const json& report) {
  std::vector<std::vector<std::string>> rows{{"time per stage", "per"}};
  for (const json& p : report["policies"]) rows.front().push_back(p["name"].get<std::string>());
  const json& first = report["policies"].front()["stages"];
  for (std::size_t s = 0; s < first.size(); ++s) {
    std::vector<std::string> row{first[s]["role"].get<std::string>() + ": " + first[s]["stage"].get<std::string>(),
                                 first[s]["per"].get<std::string>()};
    for (const json& p : report["policies"]) {
      const json& at = p["stages"][s];
      row.push_back(at["things"].get<std::uint64_t>() > 0 ? time_text(at["seconds_each"].get<double>()) : "-");
    }
    rows.push_back(std::move(row));
  }
  return aligned(rows) + "peak memory: " + bytes_text(report["peak_resident_bytes"].get<double>()) + '\n';
}

std::string adapt_table(const json& report) {
  // The upper bound that savings are measured against, if it was run.
  std::optional<json> dense;
  std::optional<json> frozen;
  for (const json& p : report["policies"]) {
    if (p["name"] == "dense") dense = p;
    if (p["name"] == "frozen") frozen = p;
  }
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> head{"policy", "accuracy"};
  for (const auto& phase : report["phases"]) head.push_back(phase.get<std::string>());
  const json& references = report["references"];
  // What a sample would cost as a file, or, of text alone, as it is.
  std::vector<std::pair<std::string, double>> plain{{"of PNG", references["png_bytes_per_sample"].get<double>()},
                                                    {"of JPEG", references["jpeg_bytes_per_sample"].get<double>()}};
  if (plain.front().second <= 0) plain = {{"of text", references["text_bytes_per_sample"].get<double>()}};
  for (const char* h : {"gain", "forget", "recover", "up/sample", "of dense"}) head.emplace_back(h);
  for (const auto& [name, bytes] : plain) head.push_back(name);
  for (const char* h : {"down/refresh", "of dense", "of fp16", "refreshes"}) head.emplace_back(h);
  rows.push_back(head);
  for (const json& p : report["policies"]) {
    std::vector<std::string> row;
    const auto number = [&](const char* key) { return p[key].get<double>(); };
    row.push_back(p["name"].get<std::string>());
    std::string accuracy = cell("%.1f", 100 * number("accuracy"));
    if (report["seeds"].size() > 1) accuracy += cell("±%.1f", 100 * number("accuracy_std"));
    row.push_back(accuracy);
    for (const json& phase : p["accuracy_by_phase"]) row.push_back(cell("%.1f", 100 * phase["accuracy"].get<double>()));
    const bool scaled = dense && frozen && (*dense)["accuracy"].get<double>() > (*frozen)["accuracy"].get<double>();
    row.push_back(scaled ? cell("%.0f%%", 100 * (number("accuracy") - (*frozen)["accuracy"].get<double>()) /
                                             ((*dense)["accuracy"].get<double>() - (*frozen)["accuracy"].get<double>()))
                         : "-");
    row.push_back(cell("%+.1f", number("forgetting")));
    row.push_back(cell("%.0f", number("recovery_samples")));
    row.push_back(bytes_text(number("uplink_bytes_per_sample")));
    row.push_back(dense ? cell("%.1f%%", 100 * ratio(number("uplink_bytes"), (*dense)["uplink_bytes"].get<double>())) : "-");
    for (const auto& [name, bytes] : plain) row.push_back(cell("%.0f%%", 100 * ratio(number("uplink_bytes_per_sample"), bytes)));
    row.push_back(bytes_text(number("downlink_bytes_per_refresh")));
    row.push_back(dense ? cell("%.1f%%", 100 * ratio(number("downlink_bytes"), (*dense)["downlink_bytes"].get<double>())) : "-");
    row.push_back(cell("%.1f%%", 100 * ratio(number("downlink_bytes_per_refresh"), references["adapter_fp16_bytes"].get<double>())));
    row.push_back(cell("%.0f", number("refreshes")));
    rows.push_back(std::move(row));
  }
  return aligned(rows);
}

}  // namespace freshet::cli

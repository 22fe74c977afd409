#include "tools/freshet/device_table.hpp"

#include "tools/freshet/progress_view.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <optional>
#include <utility>

namespace freshet::cli {

using nlohmann::json;

namespace {

std::optional<std::uint64_t> behind(const device_progress& d, const fleet_progress& fleet) {
  if (!fleet.desired || !d.version) return std::nullopt;
  return *fleet.desired > *d.version ? *fleet.desired - *d.version : 0;
}

/// The worst first, what is not known before all: that is what an operator looks for.
template <class T>
bool before(const std::optional<T>& a, const std::optional<T>& b, bool small_first) {
  if (!a || !b) return !a && b;
  return small_first ? *a < *b : *a > *b;
}

using order = std::function<bool(const device_progress&, const device_progress&)>;
const std::array<std::pair<const char*, order>, 5>& orders() {
  static const std::array<std::pair<const char*, order>, 5> all{{
      {"number", [](const auto& a, const auto& b) { return a.number < b.number; }},
      {"name", [](const auto& a, const auto& b) { return a.name < b.name; }},
      {"version", [](const auto& a, const auto& b) { return before(a.version, b.version, true); }},
      {"accuracy", [](const auto& a, const auto& b) { return before(a.window.share(), b.window.share(), true); }},
      {"rate", [](const auto& a, const auto& b) { return a.answers_per_second < b.answers_per_second; }},
  }};
  return all;
}

template <class T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json();
}

std::string percent(const std::optional<double>& share) {
  if (!share) return "–";
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.1f %%", *share * 100);
  return buffer.data();
}

std::string rate(double answers) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.1f", answers);
  return buffer.data();
}

std::string number_or_dash(const std::optional<std::uint64_t>& n) { return n ? std::to_string(*n) : "–"; }

}  // namespace

std::string sort_problem(const std::string& text) {
  std::string names;
  for (const auto& [name, less] : orders()) {
    if (text == name) return "";
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return "\"" + text + "\" is none of " + names;
}

std::vector<device_progress> chosen_devices(const fleet_progress& fleet, const device_choice& choice) {
  std::vector<device_progress> out;
  for (const device_progress& d : fleet.devices) {
    if (choice.silent_only && !d.silent) continue;
    // One whose version is not known is not known to be where it should be.
    if (choice.behind_only && behind(d, fleet).value_or(1) == 0) continue;
    out.push_back(d);
  }
  for (const auto& [name, less] : orders())
    if (choice.sort == name) std::stable_sort(out.begin(), out.end(), less);
  return out;
}

json devices_json(const fleet_progress& fleet, const device_choice& choice) {
  json all = json::array();
  for (const device_progress& d : chosen_devices(fleet, choice)) {
    const auto twin = d.twin_window ? d.twin_window->share() : std::nullopt;
    all.push_back({{"number", d.number},
                   {"device", d.name},
                   {"node", d.name.substr(0, d.name.find('/'))},
                   {"silent", d.silent},
                   {"phase", or_null(d.phase)},
                   {"version", or_null(d.version)},
                   {"behind", or_null(behind(d, fleet))},
                   {"answers_per_second", d.answers_per_second},
                   {"answered", d.answered},
                   {"skipped", d.skipped},
                   {"accuracy", or_null(d.window.share())},
                   {"twin_accuracy", or_null(twin)}});
  }
  return {{"desired_version", or_null(fleet.desired)}, {"devices", std::move(all)}};
}

std::vector<std::string> device_lines(const fleet_progress& fleet, const device_choice& choice) {
  std::vector<std::vector<std::string>> rows{
      {"number", "device", "state", "version", "behind", "phase", "answers/s", "answered", "accuracy", "frozen twin"}};
  // Texts to the left, numbers to the right.
  const std::array<bool, 10> right{true, false, false, true, true, false, true, true, true, true};
  std::size_t silent = 0;
  const auto devices = chosen_devices(fleet, choice);
  for (const device_progress& d : devices) {
    silent += d.silent ? 1 : 0;
    rows.push_back({std::to_string(d.number), d.name, d.silent ? "silent" : "up", number_or_dash(d.version),
                    number_or_dash(behind(d, fleet)), d.phase.value_or("–"), rate(d.answers_per_second),
                    std::to_string(d.answered), percent(d.window.share()),
                    percent(d.twin_window ? d.twin_window->share() : std::nullopt)});
  }
  std::array<std::size_t, 10> widths{};
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
  std::vector<std::string> out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - columns(row[i]), ' ');
      line += (i == 0 ? "" : "  ") + (right[i] ? pad + row[i] : row[i] + pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out.push_back(std::move(line));
  }
  out.push_back(std::to_string(devices.size()) + " of " + std::to_string(fleet.devices.size()) + " devices, " +
                std::to_string(silent) + " of these silent" +
                (fleet.desired ? "; version " + std::to_string(*fleet.desired) + " is wanted" : ""));
  return out;
}

}  // namespace freshet::cli

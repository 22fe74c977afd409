#include "tools/freshet/progress_view.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <string_view>

namespace freshet::cli {
namespace {

constexpr std::size_t course_points = 60;

std::string percent(const std::optional<double>& share) {
  if (!share) return "–";
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.1f %%", *share * 100);
  return buffer.data();
}

std::optional<double> share_of(const std::optional<score>& s) { return s ? s->share() : std::nullopt; }

std::string points(double difference) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%+.1f points", difference * 100);
  return buffer.data();
}

/// Padded to `width` columns; numbers to the right.
std::string left(const std::string& text, std::size_t width) {
  const std::string fit = cut(text, width);
  return fit + std::string(width - columns(fit), ' ');
}
std::string right(const std::string& text, std::size_t width) {
  const std::string fit = cut(text, width);
  return std::string(width - columns(fit), ' ') + fit;
}

/// "fog", or "fog (3), night (1)" where devices differ.
std::string phases(const fleet_progress& fleet) {
  std::vector<std::pair<std::string, std::size_t>> seen;
  for (const device_progress& d : fleet.devices) {
    if (!d.phase || d.silent) continue;
    const auto found = std::find_if(seen.begin(), seen.end(), [&](const auto& s) { return s.first == *d.phase; });
    if (found == seen.end()) {
      seen.emplace_back(*d.phase, 1);
    } else {
      ++found->second;
    }
  }
  if (seen.empty()) return "–";
  if (seen.size() == 1) return seen.front().first;
  std::stable_sort(seen.begin(), seen.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string out;
  for (const auto& [phase, devices] : seen) out += (out.empty() ? "" : ", ") + phase + " (" + std::to_string(devices) + ")";
  return out;
}

/// One column for each value of 0..1.
std::string curve(const std::vector<std::optional<double>>& values) {
  constexpr std::array<std::string_view, 8> bars{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::string out;
  for (const auto& v : values)
    out += v ? bars[std::min<std::size_t>(7, static_cast<std::size_t>(std::clamp(*v, 0.0, 1.0) * 8))] : " ";
  return out;
}

std::string per(std::uint64_t bytes, std::uint64_t of, const char* what) {
  if (of == 0) return "–";
  return human_bytes(static_cast<double>(bytes) / static_cast<double>(of)) + what;
}

std::string version_text(const std::optional<std::uint64_t>& version) {
  return version ? std::to_string(*version) : "–";
}

/// "12", or "10–12" where devices differ.
std::string versions(const fleet_progress& fleet) {
  std::optional<std::uint64_t> low, high;
  for (const device_progress& d : fleet.devices) {
    if (!d.version) continue;
    low = std::min(low.value_or(*d.version), *d.version);
    high = std::max(high.value_or(*d.version), *d.version);
  }
  if (!low || *low == *high) return version_text(low);
  return std::to_string(*low) + "–" + std::to_string(*high);
}

}  // namespace

std::string human_bytes(double bytes) {
  constexpr std::array<const char*, 5> units{"B", "KB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < units.size()) {
    bytes /= 1000;
    ++unit;
  }
  std::array<char, 40> buffer{};
  const int decimals = unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
  std::snprintf(buffer.data(), buffer.size(), "%.*f %s", decimals, bytes, units[unit]);
  return buffer.data();
}

std::string human_time(std::uint64_t ms) {
  const std::uint64_t s = ms / 1000;
  std::array<char, 48> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%llu:%02llu:%02llu", static_cast<unsigned long long>(s / 3600),
                static_cast<unsigned long long>(s / 60 % 60), static_cast<unsigned long long>(s % 60));
  return buffer.data();
}

std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string cut(const std::string& text, std::size_t width) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U) continue;
    if (seen == width) return text.substr(0, i);
    ++seen;
  }
  return text;
}

void progress_view::update(const fleet_progress& now) {
  const bool next = !now_ || now.number != now_->number;
  now_ = now;
  if (!next) return;
  course_.push_back({now.window.share(), share_of(now.twin_window)});
  if (course_.size() > course_points) course_.pop_front();
}

std::vector<std::string> progress_view::table(std::size_t width, std::size_t most_devices) const {
  if (!now_) return {cut("waiting for the first figures …", width)};
  const fleet_progress& f = *now_;
  const auto fleet_share = f.window.share();
  const auto twin_share = share_of(f.twin_window);
  std::vector<std::string> lines;
  lines.push_back("freshet  " + human_time(f.uptime_ms) + "  phase " + phases(f) + "  versions " + versions(f) +
                  "  refreshes " + std::to_string(f.refreshes) + "  answered " + std::to_string(f.answered));
  std::vector<std::optional<double>> fleet_course, twin_course;
  for (const point& p : course_) {
    fleet_course.push_back(p.fleet);
    twin_course.push_back(p.twin);
  }
  // The curves get what the line leaves, and at most all that is kept.
  const std::size_t room = std::min(course_points, width > 36 ? width - 36 : 0);
  const auto tail = [&](std::vector<std::optional<double>> values) {
    if (values.size() > room) values.erase(values.begin(), values.end() - static_cast<std::ptrdiff_t>(room));
    return curve(values);
  };
  lines.push_back("accuracy  adapting  " + right(percent(fleet_share), 8) + "  " + tail(fleet_course));
  if (f.twin_window) {
    lines.push_back("          frozen    " + right(percent(twin_share), 8) + "  " + tail(twin_course));
    if (fleet_share && twin_share)
      lines.push_back("          gain      " + points(*fleet_share - *twin_share) + " now, " +
                      (f.total.share() && share_of(f.twin_total)
                           ? points(*f.total.share() - *share_of(f.twin_total)) + " since the start"
                           : std::string("–")));
  }
  lines.push_back("uplink    " + left(human_bytes(static_cast<double>(f.uplink_bytes)), 10) +
                  per(f.uplink_bytes, f.answered, " a sample"));
  // A refresh reaches every device: bytes are those of one device and one refresh.
  lines.push_back("downlink  " + left(human_bytes(static_cast<double>(f.downlink_bytes)), 10) +
                  per(f.downlink_bytes, f.answered, " a sample") + ", " +
                  per(f.downlink_bytes, f.refreshes * f.devices.size(), " a refresh and device"));
  lines.push_back(left("device", 22) + right("version", 8) + "  " + left("phase", 10) + right("answered", 10) +
                  right("adapting", 10) + right("frozen", 10));
  std::size_t shown = 0;
  for (const device_progress& d : f.devices) {
    if (shown++ == most_devices) {
      lines.push_back("… and " + std::to_string(f.devices.size() - most_devices) + " more");
      break;
    }
    lines.push_back(left(d.name, 22) + right(version_text(d.version), 8) + "  " +
                    left(d.silent ? "silent" : d.phase.value_or("–"), 10) + right(std::to_string(d.answered), 10) +
                    right(percent(d.window.share()), 10) + right(percent(share_of(d.twin_window)), 10));
  }
  if (!f.silent_roles.empty()) {
    std::string names;
    for (const std::string& role : f.silent_roles) names += (names.empty() ? "" : ", ") + role;
    lines.push_back("silent    " + names);
  }
  for (std::string& l : lines) l = cut(l, width);
  return lines;
}

std::string progress_view::line() const {
  if (!now_) return "waiting for the first figures";
  const fleet_progress& f = *now_;
  std::string out = human_time(f.uptime_ms) + "  phase " + phases(f) + "  adapting " + percent(f.window.share());
  if (f.twin_window) out += "  frozen " + percent(share_of(f.twin_window));
  out += "  uplink " + human_bytes(static_cast<double>(f.uplink_bytes)) + " (" +
         per(f.uplink_bytes, f.answered, " a sample") + ")";
  out += "  downlink " + human_bytes(static_cast<double>(f.downlink_bytes)) + " (" +
         per(f.downlink_bytes, f.answered, " a sample") + ")";
  out += "  versions " + versions(f) + "  refreshes " + std::to_string(f.refreshes);
  const auto silent = std::count_if(f.devices.begin(), f.devices.end(), [](const auto& d) { return d.silent; });
  if (silent > 0) out += "  silent devices " + std::to_string(silent);
  return out;
}

}  // namespace freshet::cli

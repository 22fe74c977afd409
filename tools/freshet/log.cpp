#include "tools/freshet/log.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string_view>

#include <nlohmann/json.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace freshet::cli {
namespace {

using nlohmann::json;

std::string_view view_of(spdlog::string_view_t text) { return {text.data(), text.size()}; }

/// UTC, to the millisecond, with `between` date and time.
std::string time_of(const spdlog::details::log_msg& message, char between) {
  const auto since = message.time.time_since_epoch();
  const auto whole = std::chrono::floor<std::chrono::seconds>(since);
  const auto part = std::chrono::duration_cast<std::chrono::milliseconds>(since - whole);
  const std::time_t stamp = static_cast<std::time_t>(whole.count());
  std::tm parts{};
  ::gmtime_r(&stamp, &parts);
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), "%04d-%02d-%02d%c%02d:%02d:%02d.%03d", parts.tm_year + 1900, parts.tm_mon + 1,
                parts.tm_mday, between, parts.tm_hour, parts.tm_min, parts.tm_sec, static_cast<int>(part.count()));
  return out.data();
}

const char* level_of(const spdlog::details::log_msg& message) {
  switch (message.level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return "debug";
    case spdlog::level::info:
      return "info";
    case spdlog::level::warn:
      return "warn";
    case spdlog::level::critical:
      return "critical";
    default:
      return "error";
  }
}

/// Of "edge-1/device: text": the engine names who speaks at the start of its messages, as an address.
struct speaker {
  std::string_view node;
  std::string_view role;
  std::string_view text;
};

bool may_be_in_a_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

speaker split(std::string_view node, std::string_view text) {
  speaker out{node, {}, text};
  if (text.substr(0, node.size()) != node) return out;
  std::string_view rest = text.substr(node.size());
  if (!rest.empty() && rest.front() == '/') {
    std::size_t end = 1;
    while (end < rest.size() && may_be_in_a_name(rest[end])) ++end;
    if (end > 1 && rest.substr(end, 2) == ": ") {
      out.role = rest.substr(1, end - 1);
      out.text = rest.substr(end + 2);
    }
  } else if (rest.substr(0, 2) == ": ") {
    out.text = rest.substr(2);
  }
  return out;
}

void append(spdlog::memory_buf_t& out, std::string_view text) { out.append(text.data(), text.data() + text.size()); }

class as_json final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const speaker who = split(view_of(message.logger_name), view_of(message.payload));
    nlohmann::ordered_json line{
        {"time", time_of(message, 'T') + "Z"}, {"level", level_of(message)}, {"node", std::string(who.node)}};
    if (!who.role.empty()) line["role"] = std::string(who.role);
    line["text"] = std::string(who.text);
    append(out, line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    append(out, "\n");
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<as_json>(); }
};

class as_text final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const speaker who = split(view_of(message.logger_name), view_of(message.payload));
    std::string level = level_of(message);
    if (level.size() < 5) level.resize(5, ' ');
    append(out, time_of(message, ' ') + "Z " + level + " " + std::string(who.node) +
                    (who.role.empty() ? "" : "/" + std::string(who.role)) + ": ");
    for (const char c : who.text) {
      if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
        append(out, {&c, 1});
      } else if (c == '\n') {
        append(out, "\\n");
      } else {
        std::array<char, 8> code{};
        std::snprintf(code.data(), code.size(), "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
        append(out, code.data());
      }
    }
    append(out, "\n");
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<as_text>(); }
};

}  // namespace

std::unique_ptr<spdlog::formatter> text_formatter() { return std::make_unique<as_text>(); }
std::unique_ptr<spdlog::formatter> json_formatter() { return std::make_unique<as_json>(); }

std::shared_ptr<spdlog::logger> make_log(const config::logging_settings& settings, const std::string& name) {
  auto log = std::make_shared<spdlog::logger>(name, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  log->set_level(spdlog::level::from_str(settings.level));
  log->set_formatter(settings.format == "json" ? json_formatter() : text_formatter());
  log->flush_on(spdlog::level::info);
  return log;
}

}  // namespace freshet::cli

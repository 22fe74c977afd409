// The log of a process: text for people or one JSON object a line, on standard error. Whatever a message
// holds, a line stays one line, and JSON stays JSON.
// Thread contract: make_log from any thread; formatters are used under their sink's lock.
#pragma once

#include "config/schema/logging.hpp"

#include <memory>
#include <string>

#include <spdlog/formatter.h>

namespace spdlog {
class logger;
}

namespace freshet::cli {

/// "2026-11-25 16:44:00.123 info  cloud/teacher: …", UTC; control characters are spelled out.
[[nodiscard]] std::unique_ptr<spdlog::formatter> text_formatter();
/// {"time":"2026-11-25T16:44:00.123Z","level":"info","node":"cloud","role":"teacher","text":"…"}. The time is RFC 3339;
/// "role" stands where one is known; bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::unique_ptr<spdlog::formatter> json_formatter();

/// `name` is that of a node, or "launcher".
[[nodiscard]] std::shared_ptr<spdlog::logger> make_log(const config::logging_settings& settings,
                                                       const std::string& name);

}  // namespace freshet::cli

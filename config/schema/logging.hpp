// Settings of the log of every process.
#pragma once

#include <string>

#include "config/schema.hpp"

namespace freshet::config {

struct logging_settings {
  std::string level = "info";
  std::string format = "text";

  static void describe(schema<logging_settings>& s) {
    s.setting("level", &logging_settings::level, "The least serious events that are written.")
        .one_of({{"debug", "every step, for developers"},
                 {"info", "what an operator wants to have seen"},
                 {"warn", "what may need attention"},
                 {"error", "what went wrong"}});
    s.setting("format", &logging_settings::format, "How events are written.")
        .one_of({{"text", "lines for people"}, {"json", "one JSON object a line"}});
  }
};

}  // namespace freshet::config

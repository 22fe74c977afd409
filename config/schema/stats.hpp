// Settings of STATS: it collects every role's figures into one document.
#pragma once

#include "config/schema.hpp"

namespace freshet::config {

struct stats_settings {
  milliseconds report_interval = milliseconds(1000);
  milliseconds forget_after = milliseconds(600'000);

  static void describe(schema<stats_settings>& s) {
    s.setting("report_interval", &stats_settings::report_interval, "How often every role reports.")
        .between(milliseconds(50), milliseconds(3'600'000));
    s.setting("forget_after", &stats_settings::forget_after, "A role that has been silent for so long is left out.")
        .between(milliseconds(1000), milliseconds(7LL * 24 * 3600 * 1000));
    s.rule([](const stats_settings& v) -> std::optional<conflict> {
      if (v.forget_after <= v.report_interval)
        return conflict{"forget_after", "\"" + show(v.forget_after) + "\" is not above report_interval = \"" +
                                            show(v.report_interval) + "\"; every role would be left out"};
      return std::nullopt;
    });
  }
};

}  // namespace freshet::config

// Settings of changes of a running daemon's topology: how long each step may take, and what is remembered.
#pragma once

#include <cstdint>

#include "config/schema.hpp"

namespace freshet::config {

struct changes_settings {
  milliseconds prepare_within = milliseconds(120'000);
  milliseconds switch_within = milliseconds(120'000);
  milliseconds finish_within = milliseconds(60'000);
  milliseconds settle = milliseconds(2000);
  std::uint32_t kept_revisions = 1000;

  static void describe(schema<changes_settings>& s) {
    s.setting("prepare_within", &changes_settings::prepare_within,
              "Every node that takes part has loaded its models and made its new roles ready within this time, or the "
              "change is reverted.")
        .between(milliseconds(1000), milliseconds(86'400'000));
    s.setting("switch_within", &changes_settings::switch_within,
              "Roles that change have stopped, started anew and settled within this time, or the change is reverted.")
        .between(milliseconds(1000), milliseconds(86'400'000));
    s.setting("finish_within", &changes_settings::finish_within,
              "What is not needed any more has drained and stopped within this time, or the change is reverted.")
        .between(milliseconds(1000), milliseconds(86'400'000));
    s.setting("settle", &changes_settings::settle,
              "A role that was started has answered its supervisor and then stays up for this time before its node says "
              "that it has switched. One that fails before the change is through reverts it.")
        .between(milliseconds(0), milliseconds(3'600'000));
    s.setting("kept_revisions", &changes_settings::kept_revisions,
              "Documents that `freshet history` knows and `freshet apply --revision` goes back to; older ones are "
              "forgotten. What runs is always kept.")
        .between(1, 1'000'000)
        .unit("revisions");
    s.rule([](const changes_settings& c) -> std::optional<conflict> {
      if (c.settle >= c.switch_within)
        return conflict{"settle", "\"" + show(c.settle) + "\" is not below switch_within = \"" + show(c.switch_within) +
                                      "\"; no change could ever succeed"};
      return std::nullopt;
    });
  }
};

}  // namespace freshet::config

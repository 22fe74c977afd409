// How a new version reaches the fleet, and what takes it back: [deployer.rollout].
#pragma once

#include "config/schema.hpp"

#include <cstdint>
#include <string>

namespace freshet::config {

struct rollout_settings {
  bool waves = true;
  std::string gate = "agreement";
  double canary_share = 0.05;
  std::uint32_t canary_minimum = 3;
  double wave_share = 0.25;
  std::uint32_t evidence_samples = 30;
  milliseconds evidence_time = milliseconds(20'000);
  milliseconds patience = milliseconds(600'000);
  double margin = 0.05;
  double false_alarm = 0.01;
  double slow_factor = 2.0;
  milliseconds silent_after = milliseconds(30'000);
  milliseconds rollback_within = milliseconds(30'000);
  std::uint32_t kept_versions = 3;

  static void describe(schema<rollout_settings>& s) {
    s.setting("waves", &rollout_settings::waves,
              "A new version goes to a few devices first, then to a share, then to all. Where false, and in fleets of "
              "fewer than twice canary_minimum, all get every version at once, and the gate compares with what was "
              "before.");
    s.setting("gate", &rollout_settings::gate, "What a version must show on live traffic before it goes further.")
        .one_of({{"agreement",
                  "devices say what the teacher says on random probes, as often as those on the version before do, in "
                  "every domain"},
                 {"none", "nothing but that devices take it and stay alive"}});
    s.setting("canary_share", &rollout_settings::canary_share, "Share of the fleet that gets a version first.")
        .between(0.0, 0.5)
        .unit("share");
    s.setting("canary_minimum", &rollout_settings::canary_minimum, "At least so many get it first.")
        .between(1, 10'000)
        .unit("devices");
    s.setting("wave_share", &rollout_settings::wave_share, "Share of the fleet that gets it second.")
        .between(0.0, 1.0)
        .unit("share");
    s.setting("evidence_samples", &rollout_settings::evidence_samples,
              "Probes that each side of a comparison needs before a wave may end.")
        .between(1, 100'000)
        .unit("samples");
    s.setting("evidence_time", &rollout_settings::evidence_time, "A wave lasts at least this long.")
        .between(milliseconds(0), milliseconds(7LL * 24 * 3600 * 1000));
    s.setting("patience", &rollout_settings::patience,
              "Where evidence has not come after so long, the version goes on if nothing speaks against it, and back "
              "if something does.")
        .between(milliseconds(1000), milliseconds(7LL * 24 * 3600 * 1000));
    s.setting("margin", &rollout_settings::margin, "A loss of agreement up to this is taken for none.")
        .between(0.0, 0.9)
        .unit("share");
    s.setting("false_alarm", &rollout_settings::false_alarm,
              "Chance at most that a version that is as good as the one before is called worse in a wave.")
        .between(1e-6, 0.5)
        .unit("probability");
    s.setting("slow_factor", &rollout_settings::slow_factor,
              "A version whose devices answer this much slower than the others, against before, is bad.")
        .between(1.1, 1000.0)
        .unit("times");
    s.setting("silent_after", &rollout_settings::silent_after,
              "A device that has not reported for so long is taken for dead. Longer than a restart takes.")
        .between(milliseconds(2000), milliseconds(24LL * 3600 * 1000));
    s.setting("rollback_within", &rollout_settings::rollback_within,
              "Devices that have not gone back after so long make a rollback a failed one.")
        .between(milliseconds(1000), milliseconds(24LL * 3600 * 1000));
    s.setting("kept_versions", &rollout_settings::kept_versions,
              "Good versions kept in full, the newest included: how far `freshet rollback` reaches.")
        .between(1, 100)
        .unit("versions");
    s.rule([](const rollout_settings& r) -> std::optional<conflict> {
      if (r.wave_share != 0 && r.wave_share < r.canary_share)
        return conflict{"wave_share", show_number(r.wave_share) + " is below canary_share = " +
                                          show_number(r.canary_share) + "; the second wave holds the first"};
      return std::nullopt;
    });
  }

 private:
  static std::string show_number(double x) {
    std::string text = std::to_string(x);
    text.erase(text.find_last_not_of('0') + 1);
    return text;
  }
};

}  // namespace freshet::config

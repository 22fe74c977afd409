// Settings of the INTAKE: it accepts what devices send and leases it to teachers.
#pragma once

#include <cstdint>
#include <string>

#include "config/schema.hpp"

namespace freshet::config {

struct intake_settings {
  std::uint32_t queue_limit = 4096;
  milliseconds lease_timeout = milliseconds(30'000);
  std::string state_dir;

  static void describe(schema<intake_settings>& s) {
    s.setting("queue_limit", &intake_settings::queue_limit,
              "Accepted samples that wait for a teacher. Beyond, the least uncertain are shed and counted.")
        .between(1, 10'000'000)
        .unit("samples")
        .live();
    s.setting("lease_timeout", &intake_settings::lease_timeout,
              "Samples that a teacher has not labelled in this time are given out again.")
        .between(milliseconds(100), milliseconds(24LL * 3600 * 1000))
        .live();
    s.setting("state_dir", &intake_settings::state_dir,
              "Where the journal of accepted samples lies: on a local disk. Empty for a folder of its own below the "
              "document's state_dir.")
        .example("/var/lib/freshet/intake");
  }
};

}  // namespace freshet::config

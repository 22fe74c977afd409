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
  double device_samples_per_second = 200;
  byte_count device_bytes_per_second = byte_count(std::uint64_t{4} << 20U);
  byte_count device_decoded_per_second = byte_count(std::uint64_t{16} << 20U);
  double device_stored_share = 0.5;

  static void describe(schema<intake_settings>& s) {
    s.setting("queue_limit", &intake_settings::queue_limit,
              "Accepted samples that wait for a teacher. Beyond, the least uncertain are shed and counted.")
        .between(1, 10'000'000)
        .unit("samples");
    s.setting("lease_timeout", &intake_settings::lease_timeout,
              "Samples that a teacher has not labelled in this time are given out again; later where labels have taken "
              "longer lately.")
        .between(milliseconds(100), milliseconds(24LL * 3600 * 1000));
    s.setting("state_dir", &intake_settings::state_dir,
              "Where the journal of accepted samples lies: on a local disk. Empty for a folder of its own below the "
              "document's state_dir.")
        .example("/var/lib/freshet/intake");
    s.setting("device_samples_per_second", &intake_settings::device_samples_per_second,
              "Of one device in the long run; ten seconds' worth may come at once. Beyond, it has to wait.")
        .between(0.01, 1'000'000.0)
        .unit("samples per second");
    s.setting("device_bytes_per_second", &intake_settings::device_bytes_per_second,
              "The same for what a device sends, in bytes on the wire.")
        .between(byte_count(64), byte_count(std::uint64_t{1} << 34U));
    s.setting("device_decoded_per_second", &intake_settings::device_decoded_per_second,
              "The same for what its tokens are decoded to: a few coded bytes may stand for megabytes of work.")
        .between(byte_count(4096), byte_count(std::uint64_t{1} << 36U));
    s.setting("device_stored_share", &intake_settings::device_stored_share,
              "Of queue_limit and of the bytes kept, what one device may fill at most.")
        .between(0.0001, 1.0)
        .unit("share");
  }
};

}  // namespace freshet::config

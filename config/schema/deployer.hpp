// Settings of the DEPLOYER: it drives every device to its desired version.
#pragma once

#include <cstdint>
#include <string>

#include "config/schema.hpp"
#include "config/schema/rollout.hpp"

namespace freshet::config {

struct deployer_settings {
  byte_count chunk_bytes = byte_count(65'536);
  std::uint32_t window_chunks = 8;
  std::uint32_t history_versions = 32;
  std::uint32_t prefer_snapshot_after = 8;
  std::string key_dir;
  std::string state_dir;
  rollout_settings rollout;

  static void describe(schema<deployer_settings>& s) {
    s.setting("chunk_bytes", &deployer_settings::chunk_bytes, "An artefact travels in pieces of this size.")
        .between(byte_count(256), byte_count(std::uint64_t{16} << 20U));
    s.setting("window_chunks", &deployer_settings::window_chunks, "Pieces that a device may ask for at once.")
        .between(1, 1024)
        .unit("chunks");
    s.setting("history_versions", &deployer_settings::history_versions,
              "Updates kept, so that a device that was away can catch up along the chain.")
        .between(1, 100'000)
        .unit("versions");
    s.setting("prefer_snapshot_after", &deployer_settings::prefer_snapshot_after,
              "A device that is further behind gets a snapshot, even where the chain would be smaller.")
        .between(1, 100'000)
        .unit("versions");
    s.setting("key_dir", &deployer_settings::key_dir,
              "Folder of the keys that artefacts are signed with (`freshet keys new --artefacts` makes one, as "
              "`freshet run` does by itself); empty for a folder of its own below the document's state_dir.")
        .example("/etc/freshet/artefact-keys");
    s.setting("state_dir", &deployer_settings::state_dir,
              "Where the state of roll-outs and the good versions are kept; empty for a folder of its own below the "
              "document's state_dir.")
        .example("/var/lib/freshet/deployer");
    s.table("rollout", &deployer_settings::rollout, "How a new version reaches the fleet, and what takes it back.");
    s.rule([](const deployer_settings& d) -> std::optional<conflict> {
      if (d.prefer_snapshot_after > d.history_versions)
        return conflict{"prefer_snapshot_after", std::to_string(d.prefer_snapshot_after) +
                                                     " is above history_versions = " +
                                                     std::to_string(d.history_versions) +
                                                     "; older updates are not kept"};
      return std::nullopt;
    });
  }
};

}  // namespace freshet::config

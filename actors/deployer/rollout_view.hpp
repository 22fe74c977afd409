// The roll-out for people and programs: the answer to the verb "versions" (docs/rollouts.md).
// Pure function.
#pragma once

#include "actors/deployer/rollout.hpp"

#include <map>

#include <nlohmann/json.hpp>

namespace freshet::actors {

struct viewed_device {
  version_place active;
  bool alive = false;
  bool foreign = false;  ///< of another line
  std::string failure;   ///< as it last reported
};

[[nodiscard]] nlohmann::json view_of(const rollout_machine& rollout, const std::map<device_id, viewed_device>& devices,
                                     time_point now);

}  // namespace freshet::actors

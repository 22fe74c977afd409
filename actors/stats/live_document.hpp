// The live document: what a console shows, made by STATS from the last reports of all roles. Every entry is
// an object under its own key, so that a merge patch of two moments holds only what changed. Its keys are
// described in tools/freshet/stats_document.md.
// Thread contract: pure functions.
#pragma once

#include "actors/stats/heard_role.hpp"
#include "topology/message/address.hpp"

#include <map>
#include <string>

#include <nlohmann/json.hpp>

namespace freshet::actors {

struct live_sources {
  const std::map<topology::address, heard_role>& heard;
  /// Kinds of the roles that the topology has, whether they report or not.
  const std::map<topology::address, std::string>& expected;
  duration silent_after;
};

/// The kind of a role: as the topology says, else its name without a number at the end.
std::string kind_of(const live_sources& from, const topology::address& role);

/// "fleet", "traffic", "nodes", "roles", "links" and "flow".
nlohmann::json live_document(const live_sources& from, time_point now);

/// Answers of the whole fleet over their moving windows.
struct fleet_score {
  std::uint64_t scored = 0;
  std::uint64_t correct = 0;
  std::uint64_t twin_scored = 0;
  std::uint64_t twin_correct = 0;
  std::map<std::string, std::uint64_t> phases;  ///< devices that report, by their phase
};
fleet_score score_of(const live_sources& from, time_point now);

}  // namespace freshet::actors

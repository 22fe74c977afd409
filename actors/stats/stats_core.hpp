// STATS: the engine's figures in one document. Every role reports about once a second; whoever
// asks gets the last word of each, with its age:
//
//   {"number", "uptime_ms", "roles": [{"node", "role", "pid", "uptime_ms", "age_ms", "silent",
//                                      "stats": {…}}]}
//
// Roles come in the order of their addresses. A role that has not reported for silent_after is
// marked, after forget_after it is left out. The document holds at most max_document_bytes: when it
// would be longer, the figures of links are left out, then those of the longest reports, and such a
// role says "shortened": true.
// A console that subscribes gets the live document (live_document.hpp) instead, and then what changes in
// it; see topology/wire/PROTOCOL.md.
// Thread contract: that of role_core.
#pragma once

#include "actors/role.hpp"
#include "actors/stats/bounded_json.hpp"
#include "actors/stats/subscriptions.hpp"

#include <map>
#include <memory>
#include <string>

namespace freshet::actors {

struct stats_options {
  std::size_t max_roles = 1024;
  duration silent_after = std::chrono::seconds(5);
  duration forget_after = std::chrono::minutes(10);
  std::size_t max_document_bytes = std::size_t{960} << 10;  ///< within the wire's limit for a text
  json_limits report_limits{std::size_t{512} << 10, 8};     ///< a port tells of every pair of roles that it serves
  std::size_t max_report_bytes = std::size_t{64} << 20;     ///< of the last reports of all roles together
  /// The roles of the topology and their kinds: one that does not report is missing, not unknown.
  std::map<topology::address, std::string> expected;
  subscription_options subscriptions;
};

/// Fails when an option makes no sense.
result<std::unique_ptr<role_core>> make_stats(stats_options options);

}  // namespace freshet::actors

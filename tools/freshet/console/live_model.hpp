// The live document as plain values for views. What is missing or odd in it is left out, never guessed.
// Thread contract: plain values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace freshet::cli {

using maybe = std::optional<double>;

struct live_role {
  std::string name;  ///< address
  std::string kind;
  std::string state;  ///< up, silent, missing
  maybe uptime_s, restarts, mailbox, in_per_s, out_per_s, busy;
  maybe wait_p50_us, wait_p99_us, service_p50_us, service_p99_us, slice_p99_us;
  maybe resident_bytes;  ///< of its process, which other roles may share
  nlohmann::json own;    ///< the role's own figures
  [[nodiscard]] bool up() const { return state == "up"; }
};

/// All links between roles of two kinds.
struct live_flow {
  maybe bytes_per_s, messages_per_s, bytes, queued, in_flight;
};

struct live_device {
  std::string name;
  std::string state;
  std::string phase;
  maybe version, lag, accuracy, twin_accuracy, answers_per_s, answered;
  maybe uplink_bytes, uplink_bytes_per_s;  ///< of its filter, where that has this device alone
};

struct live_event {
  std::uint64_t number = 0;
  double t_s = 0;
  std::string level, where, text;
};

struct course_point {
  double t_s = 0;
  maybe adapting, frozen;
  std::string phase;
};

struct live_model {
  double uptime_s = 0;
  maybe accuracy, twin_accuracy, accuracy_since_start, twin_accuracy_since_start;
  maybe answers_per_s, answered, version_low, version_high, desired_version;
  std::vector<std::pair<std::string, double>> phases;  ///< the commonest first
  maybe uplink_bytes, uplink_bytes_per_s, uplink_bytes_per_sample, uplink_budget_bytes_per_sample;
  maybe downlink_bytes, downlink_bytes_per_s, refresh_bytes, refresh_budget_bytes, refresh_whole_bytes;
  std::vector<live_role> roles;           ///< by address
  std::vector<live_device> devices;       ///< by address
  std::map<std::string, live_flow> flow;  ///< by "kind>kind"
  std::vector<live_event> events;         ///< newest first
  std::vector<course_point> course;       ///< oldest first

  /// Roles of a kind, ports not among them.
  [[nodiscard]] std::vector<const live_role*> of(const std::string& kind) const;
};

live_model read_live(const nlohmann::json& document);

}  // namespace freshet::cli

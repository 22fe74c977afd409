// What the commands that change a running daemon share: whom they ask, how a change is begun, watched to its end and
// told, and the exit status that belongs to it.
// Thread contract: one thread.
#pragma once

#include "kernels/base/result.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/control_client.hpp"

#include <chrono>
#include <string>

#include <nlohmann/json.hpp>

namespace freshet::cli {

struct change_options {
  topology_options daemon;  ///< which one: by its state folder, or by its file
  std::string who;          ///< empty: me()
  std::chrono::milliseconds wait{180'000};
  bool as_json = false;

  void add_common_to(CLI::App& command);
  void add_watching_to(CLI::App& command);
  [[nodiscard]] std::string asker() const;
};

/// Planning for thousands of devices takes a second or two.
inline constexpr std::chrono::milliseconds answer_patience{15'000};

result<control_client> reach(const change_options& options);

/// Begins the change and follows it; the exit status says how it ended.
int carry_out(control_client& client, const nlohmann::json& request, const change_options& options);

/// What runs now: {"revision", "text", "base_dir", ...}.
result<nlohmann::json> running_document(control_client& client);

/// Lays `over` (a TOML text) over what runs and asks for the result; what somebody else changed meanwhile is not
/// taken back: then nothing is changed. `what` is what the history calls the document.
int lay_over(control_client& client, const nlohmann::json& runs, const std::string& over, const std::string& what,
             const change_options& options);

}  // namespace freshet::cli

// freshet versions, pin, rollback: who runs which version of the student, and why.
#include "config/parse.hpp"
#include "tools/freshet/commands/asking_user.hpp"
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/control_client.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/rollout_view.hpp"

#include <charconv>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace freshet::cli {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds asking_patience{5000};
constexpr milliseconds ask_again_every{300};
constexpr milliseconds rollback_patience{120'000};

struct rollout_command_options {
  topology_options daemon;
  std::optional<std::uint64_t> version;
  std::uint32_t device = 0;
  std::string pinned_to;
  bool as_json = false;
};

result<control_client> reach(const rollout_command_options& options) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(options.daemon));
  const auto deployers = topology.graph.roles_of(config::role_kind::deployer);
  if (deployers.empty()) return error{errc::not_found, topology.graph.file + " has no deployer"};
  return control_client::open(topology.graph, deployers.front()->where());
}

void show(const json& versions, bool as_json) {
  if (as_json) {
    std::cout << versions.dump(2) << '\n';
    return;
  }
  for (const std::string& line : rollout_lines(versions)) std::cout << line << '\n';
}

int versions(const rollout_command_options& options) {
  auto client = reach(options);
  if (!client) return report(client.err());
  const auto now = client->ask("versions", json::object(), asking_patience);
  if (!now) return report(now.err());
  show(*now, options.as_json);
  return exit_ok;
}

int pin(const rollout_command_options& options) {
  json request{{"device", options.device}};
  if (options.pinned_to != "none") {
    std::uint64_t version = 0;
    const char* end = options.pinned_to.data() + options.pinned_to.size();
    const auto [at, problem] = std::from_chars(options.pinned_to.data(), end, version);
    if (problem != std::errc{} || at != end) {
      std::cerr << "freshet: \"" << options.pinned_to << "\" is neither the number of a version nor none\n";
      return exit_usage;
    }
    request["version"] = version;
  }
  auto client = reach(options);
  if (!client) return report(client.err());
  const auto now = client->once("pin", request, asking_patience);
  if (!now) return report(now.err());
  if (options.as_json)
    show(*now, true);
  else
    std::cout << "device " << options.device
              << (options.pinned_to == "none" ? " follows the roll-out\n"
                                              : " stays on version " + options.pinned_to + "\n");
  return exit_ok;
}

int rollback(const rollout_command_options& options) {
  auto client = reach(options);
  if (!client) return report(client.err());
  json request{{"who", asking_user()}};
  if (options.version) request["version"] = *options.version;
  auto now = client->once("rollback", request, asking_patience);
  if (!now) return report(now.err());
  const auto until = std::chrono::steady_clock::now() + rollback_patience;
  while (now->value("step", "") == "returning") {
    if (std::chrono::steady_clock::now() >= until) {
      std::cerr << "freshet: the rollback is still under way; `freshet versions` tells how it ends\n";
      return exit_failed;
    }
    ::usleep(static_cast<useconds_t>(std::chrono::microseconds(ask_again_every).count()));
    now = client->ask("versions", json::object(), asking_patience);
    if (!now) return report(now.err());
  }
  const json last = now->value("last_rollback", json::object());
  if (options.as_json) std::cout << now->dump(2) << '\n';
  if (last.value("state", "") == "failed") {
    std::cerr << "freshet: the rollback failed: " << last.value("failure", "") << '\n';
    return exit_failed;
  }
  if (!options.as_json)
    std::cout << "back on version " << last.value("to", std::uint64_t{0}) << "; "
              << last.value("devices", std::uint64_t{0}) << " devices went back\n";
  return exit_ok;
}

}  // namespace

void add_rollout(CLI::App& app, action& chosen) {
  auto options = std::make_shared<rollout_command_options>();
  const auto common = [options](CLI::App& command) {
    options->daemon.add_daemon_to(command);
    command.add_flag("--json", options->as_json, "As JSON, for programs");
  };
  const auto run = [options, &chosen](int (*what)(const rollout_command_options&)) {
    return [options, &chosen, what] { chosen = [options, what] { return what(*options); }; };
  };

  CLI::App* versions_command = app.add_subcommand("versions", "Which version is where, what is tried, what was bad");
  versions_command->footer(
      "A new version goes to canaries, then to a share of the devices, then to all, each time after devices on it "
      "have\n"
      "agreed with the teacher as often as those on the version before. Shows how far it is and on what evidence.");
  common(*versions_command);
  versions_command->callback(run(&versions));

  CLI::App* pin_command = app.add_subcommand("pin", "Hold a device on a version, whatever the others get");
  pin_command->add_option("DEVICE", options->device, "The number of the device")->required();
  pin_command->add_option("VERSION", options->pinned_to, "A version that `freshet versions` shows, or none to let go")
      ->required();
  pin_command->footer(
      "Survives restarts. A pinned device takes no part in waves and their evidence. When its version turns "
      "out bad it\nis let go.");
  common(*pin_command);
  pin_command->callback(run(&pin));

  CLI::App* rollback_command = app.add_subcommand("rollback", "Take every device back to a good version");
  rollback_command->add_option(
      "VERSION", options->version,
      "One of the good versions that are kept; without it, from the version under trial to the\n"
      "good one, or from that to the one before");
  rollback_command->footer(
      "What is taken back is bad from then on: no device gets it again, and the distiller goes on from the version "
      "that\n"
      "is left. Waits until the devices are back. Exit status: 0 all are back, 1 some are not, or nothing changed.");
  common(*rollback_command);
  rollback_command->callback(run(&rollback));
}

}  // namespace freshet::cli

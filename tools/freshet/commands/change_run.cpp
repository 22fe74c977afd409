#include "tools/freshet/commands/change_run.hpp"

#include "config/merge.hpp"
#include "config/quantity.hpp"
#include "tools/freshet/commands/asking_user.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/plan_view.hpp"

#include <iostream>
#include <vector>

#include <CLI/CLI.hpp>
#include <unistd.h>

namespace freshet::cli {

using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds look_every{200};

void print_lines(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) std::cout << line << '\n';
}

/// Follows a change to its end, telling what is waited for.
int follow(control_client& client, const change_options& options, std::uint64_t number) {
  const auto until = std::chrono::steady_clock::now() + options.wait;
  std::string told;
  for (;;) {
    const auto now = client.ask("change", {{"revision", number}, {"brief", true}}, answer_patience);
    // The node that decides may be the one that restarts: it comes back.
    if (!now && now.err().code != errc::timeout && now.err().code != errc::unavailable) return report(now.err());
    if (now) {
      const std::string state = now->value("state", "");
      if (state == "applied" || state == "reverted") {
        if (options.as_json) {
          auto whole = client.ask("change", {{"revision", number}}, answer_patience);
          json said = whole ? std::move(whole).value() : *now;
          said.erase("text");
          std::cout << said.dump(2) << '\n';
        } else if (state == "applied") {
          std::cout << "revision " << number << " is applied\n";
        }
        if (state == "applied") return exit_ok;
        std::cerr << "freshet: revision " << number << " was reverted, nothing changed: " << now->value("note", "")
                  << '\n';
        return exit_refused;
      }
      std::string waiting;
      for (const json& node : now->value("waiting_for", json::array()))
        if (node.is_string()) waiting += (waiting.empty() ? "" : ", ") + node.get<std::string>();
      const std::string line = state + (waiting.empty() ? "" : ": waiting for " + waiting);
      if (line != told && !options.as_json) std::cerr << line << '\n';
      told = line;
    }
    if (std::chrono::steady_clock::now() >= until) {
      std::cerr << "freshet: revision " << number << " is still under way (" << told
                << "); `freshet history` tells how it ends\n";
      return exit_failed;
    }
    ::usleep(static_cast<useconds_t>(std::chrono::microseconds(look_every).count()));
  }
}

}  // namespace

void change_options::add_common_to(CLI::App& command) {
  daemon.add_daemon_to(command);
  command.add_flag("--json", as_json, "As JSON, for programs");
}

void change_options::add_watching_to(CLI::App& command) {
  command.add_option("--who", who, "Who is asking, for the history; you are the default")->option_text("NAME");
  command
      .add_option_function<std::string>(
          "--wait", [this](const std::string& text) { wait = config::parse_duration(text).value_or(wait); },
          "How long to watch it (180s); it goes on either way")
      ->option_text("DURATION")
      ->check([](const std::string& text) -> std::string {
        return config::parse_duration(text) ? "" : "\"" + text + "\" is not a duration such as 90s or 5m";
      });
}

std::string change_options::asker() const { return who.empty() ? asking_user() : who; }

result<control_client> reach(const change_options& options) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(options.daemon));
  return control_client::open(topology.graph);
}

int carry_out(control_client& client, const json& request, const change_options& options) {
  const auto begun = client.once("apply", request, answer_patience);
  if (!begun && (begun.err().code == errc::overloaded || begun.err().code == errc::wrong_base)) {
    std::cerr << "freshet: " << begun.err().context << '\n';
    return exit_refused;
  }
  if (!begun && begun.err().code == errc::timeout) {
    std::cerr << "freshet: no answer; `freshet history` tells whether the change was begun\n";
    return exit_unreachable;
  }
  if (!begun) return report(begun.err());
  const bool refused = !begun->value("refusals", json::array()).empty();
  const bool under_way = begun->contains("state");
  if (!under_way) {
    if (options.as_json)
      std::cout << begun->dump(2) << '\n';
    else if (!refused)
      print_lines(plan_lines(*begun));
    if (!refused) return exit_ok;
    if (!options.as_json)
      for (const std::string& line : plan_lines(*begun))
        if (line.compare(0, 7, "cannot ") == 0) std::cerr << "freshet: " << line << '\n';
    std::cerr << "freshet: nothing was changed\n";
    return exit_refused;
  }
  if (!options.as_json) print_lines(plan_lines(*begun));
  return follow(client, options, begun->value("revision", std::uint64_t{0}));
}

result<json> running_document(control_client& client) { return client.ask("change", json::object(), answer_patience); }

int lay_over(control_client& client, const json& runs, const std::string& over, const std::string& what,
             const change_options& options) {
  const auto text = config::merge_texts({runs.value("text", ""), over});
  if (!text) return report(text.err());
  return carry_out(client,
                   {{"who", options.asker()},
                    {"text", *text},
                    {"file", what},
                    {"base_dir", runs.value("base_dir", "")},
                    {"based_on", runs.value("revision", std::uint64_t{0})}},
                   options);
}

}  // namespace freshet::cli

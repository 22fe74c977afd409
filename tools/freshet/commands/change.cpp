// freshet plan, apply, set, history: changes of a running daemon's topology.
#include "config/merge.hpp"
#include "config/parse.hpp"
#include "config/quantity.hpp"
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/control_client.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/paths.hpp"
#include "tools/freshet/plan_view.hpp"

#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <pwd.h>
#include <unistd.h>

namespace freshet::cli {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds answer_patience{5000};
constexpr milliseconds look_every{200};

struct change_options {
  topology_options daemon;  ///< which one: by its state folder
  std::string file;
  std::uint64_t revision = 0;
  std::uint64_t most = 50;
  std::vector<std::string> settings;  ///< NAME=VALUE
  std::string who;
  milliseconds wait{180'000};
  bool as_json = false;
};

std::string me() {
  const passwd* user = ::getpwuid(::getuid());
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  return (user != nullptr ? std::string(user->pw_name) : std::to_string(::getuid())) + "@" + host;
}

result<control_client> reach(const change_options& options) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(options.daemon));
  return control_client::open(topology.graph);
}

result<json> request_of(const change_options& options) {
  json request{{"who", options.who.empty() ? me() : options.who}};
  if (options.revision != 0) {
    request["revision"] = options.revision;
    return request;
  }
  FRESHET_TRY_ASSIGN(request["text"], config::read_text_file(options.file));
  request["file"] = options.file;
  request["base_dir"] = working_dir();
  return request;
}

void print(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) std::cout << line << '\n';
}

int plan(const change_options& options) {
  auto client = reach(options);
  if (!client) return report(client.err());
  const auto request = request_of(options);
  if (!request) return report(request.err());
  const auto planned = client->ask("plan", *request, answer_patience);
  if (!planned) return report(planned.err());
  if (options.as_json)
    std::cout << planned->dump(2) << '\n';
  else
    print(plan_lines(*planned));
  return planned->value("refusals", json::array()).empty() ? exit_ok : exit_refused;
}

/// Follows a change to its end, telling what is waited for.
int follow(control_client& client, const change_options& options, std::uint64_t number) {
  const auto until = std::chrono::steady_clock::now() + options.wait;
  std::string told;
  for (;;) {
    const auto now = client.ask("change", {{"revision", number}}, answer_patience);
    // The node that decides may be the one that restarts: it comes back.
    if (!now && now.err().code != errc::timeout && now.err().code != errc::unavailable) return report(now.err());
    if (now) {
      const std::string state = now->value("state", "");
      if (state == "applied" || state == "reverted") {
        if (options.as_json) {
          json said = *now;
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

int carry_out(control_client& client, const json& request, const change_options& options) {
  const auto begun = client.once("apply", request, answer_patience);
  if (!begun && begun.err().code == errc::overloaded) {
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
      print(plan_lines(*begun));
    if (!refused) return exit_ok;
    if (!options.as_json)
      for (const std::string& line : plan_lines(*begun))
        if (line.compare(0, 7, "cannot ") == 0) std::cerr << "freshet: " << line << '\n';
    std::cerr << "freshet: nothing was changed\n";
    return exit_refused;
  }
  if (!options.as_json) print(plan_lines(*begun));
  return follow(client, options, begun->value("revision", std::uint64_t{0}));
}

int apply(const change_options& options) {
  auto client = reach(options);
  if (!client) return report(client.err());
  const auto request = request_of(options);
  if (!request) return report(request.err());
  return carry_out(*client, *request, options);
}

/// The settings as a document: what does not read as a TOML value is taken for a text.
result<std::string> document_of(const std::vector<std::string>& settings) {
  std::string text;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0 || setting.find('\n') != std::string::npos)
      return error{errc::invalid_argument,
                   "\"" + setting + "\" is not NAME=VALUE, such as uplink_filter.token_share=0.5"};
    const std::string name = setting.substr(0, equals);
    std::string line = name + " = " + setting.substr(equals + 1) + "\n";
    config::problems unused("set");
    if (!config::parse_toml(line, unused))
      line = name + " = " + config::text_literal(setting.substr(equals + 1)) + "\n";
    text += line;
  }
  return text;
}

int set(const change_options& options) {
  auto client = reach(options);
  if (!client) return report(client.err());
  const auto over = document_of(options.settings);
  if (!over) {
    std::cerr << "freshet: " << over.err().context << '\n';
    return exit_usage;
  }
  const auto runs = client->ask("change", json::object(), answer_patience);
  if (!runs) return report(runs.err());
  const auto text = config::merge_texts({runs->value("text", ""), *over});
  if (!text) return report(text.err());
  std::string what;
  for (const std::string& setting : options.settings) what += (what.empty() ? "set " : " ") + setting;
  return carry_out(*client,
                   {{"who", options.who.empty() ? me() : options.who},
                    {"text", *text},
                    {"file", what},
                    {"base_dir", runs->value("base_dir", "")}},
                   options);
}

int history(const change_options& options) {
  auto client = reach(options);
  if (!client) return report(client.err());
  if (options.revision != 0) {
    const auto one = client->ask("change", {{"revision", options.revision}}, answer_patience);
    if (!one) return report(one.err());
    if (options.as_json)
      std::cout << one->dump(2) << '\n';
    else
      std::cout << one->value("text", "");
    return exit_ok;
  }
  const auto all = client->ask("history", {{"most", options.most}}, answer_patience);
  if (!all) return report(all.err());
  if (options.as_json)
    std::cout << all->dump(2) << '\n';
  else
    print(history_lines(*all));
  return exit_ok;
}

}  // namespace

void add_change(CLI::App& app, action& chosen) {
  auto options = std::make_shared<change_options>();
  const auto common = [options](CLI::App& command) {
    options->daemon.add_state_to(command);
    command.add_flag("--json", options->as_json, "As JSON, for programs");
  };
  const auto watched = [options](CLI::App& command) {
    command.add_option("--who", options->who, "Who is asking, for the history; you are the default")
        ->option_text("NAME");
    command
        .add_option_function<std::string>(
            "--wait",
            [options](const std::string& text) {
              options->wait = config::parse_duration(text).value_or(options->wait);
            },
            "How long to watch it (180s); it goes on either way")
        ->option_text("DURATION")
        ->check([](const std::string& text) -> std::string {
          return config::parse_duration(text) ? "" : "\"" + text + "\" is not a duration such as 90s or 5m";
        });
  };
  const auto run = [options, &chosen](int (*what)(const change_options&), bool needs_document) {
    return [options, &chosen, what, needs_document] {
      chosen = [options, what, needs_document]() -> int {
        if (needs_document && options->file.empty() == (options->revision == 0)) {
          std::cerr << "freshet: name a file, or a revision of the history with --revision\n";
          return exit_usage;
        }
        return what(*options);
      };
    };
  };

  CLI::App* plan_command = app.add_subcommand("plan", "What it would take to change a running daemon to FILE");
  plan_command->add_option("FILE", options->file, "The TOML file that is wanted");
  plan_command->add_option("--revision", options->revision, "An older revision instead of a file")->option_text("N");
  plan_command->footer(
      "Prints ordered steps with their reasons and costs; changes nothing. Exit status 7 when it cannot be done.");
  common(*plan_command);
  plan_command->callback(run(&plan, true));

  CLI::App* apply_command = app.add_subcommand("apply", "Change a running daemon to FILE, all of it or nothing");
  apply_command->add_option("FILE", options->file, "The TOML file that is wanted");
  apply_command->add_option("--revision", options->revision, "Go to this revision of the history")->option_text("N");
  watched(*apply_command);
  apply_command->footer(
      "Every node prepares, then all switch, then what is not needed any more drains and stops. When any of them\n"
      "cannot, all go back. What devices sent is neither lost nor trained twice. Exit status: 0 applied, 3 the file "
      "has\n"
      "problems, 7 refused or reverted.");
  common(*apply_command);
  apply_command->callback(run(&apply, true));

  CLI::App* set_command = app.add_subcommand("set", "Change settings of a running daemon");
  set_command
      ->add_option("NAME=VALUE", options->settings, "Such as uplink_filter.token_share=0.5 compressor.codec=dense4")
      ->required();
  watched(*set_command);
  set_command->footer(
      "A change like any other: planned, applied everywhere or nowhere, in the history. Settings that a role\n"
      "has of its own ([[roles]] settings) stand above these; change them with a file.");
  common(*set_command);
  set_command->callback(run(&set, false));

  CLI::App* history_command = app.add_subcommand("history", "Every topology that ran here: who, when, what changed");
  history_command->add_option("--most", options->most, "How many, the newest first (50)")->option_text("N");
  history_command->add_option("--revision", options->revision, "Print the document of this revision")->option_text("N");
  common(*history_command);
  history_command->callback(run(&history, false));
}

}  // namespace freshet::cli

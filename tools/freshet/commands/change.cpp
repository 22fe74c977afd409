// freshet plan, apply, set, history: changes of a running daemon's topology.
#include "config/parse.hpp"
#include "tools/freshet/commands/change_run.hpp"
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/paths.hpp"
#include "tools/freshet/plan_view.hpp"

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace freshet::cli {
namespace {

using nlohmann::json;

struct document_options : change_options {
  std::string file;
  std::uint64_t revision = 0;
  std::optional<std::uint64_t> based_on;
  std::uint64_t most = 50;
  std::vector<std::string> settings;  ///< NAME=VALUE
};

result<json> request_of(const document_options& options) {
  json request{{"who", options.asker()}};
  if (options.based_on) request["based_on"] = *options.based_on;
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

int plan(const document_options& options) {
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

int apply(const document_options& options) {
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

int set(const document_options& options) {
  auto client = reach(options);
  if (!client) return report(client.err());
  const auto over = document_of(options.settings);
  if (!over) {
    std::cerr << "freshet: " << over.err().context << '\n';
    return exit_usage;
  }
  const auto runs = running_document(*client);
  if (!runs) return report(runs.err());
  std::string what;
  for (const std::string& setting : options.settings) what += (what.empty() ? "set " : " ") + setting;
  return lay_over(*client, *runs, *over, what, options);
}

int history(const document_options& options) {
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
  auto options = std::make_shared<document_options>();
  const auto common = [options](CLI::App& command) { options->add_common_to(command); };
  const auto watched = [options](CLI::App& command) { options->add_watching_to(command); };
  const auto run = [options, &chosen](int (*what)(const document_options&), bool needs_document) {
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
  apply_command
      ->add_option("--based-on", options->based_on,
                   "Only if this revision still runs (`freshet plan --json` and `history` say which does)")
      ->option_text("N");
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
      ->add_option("SETTING", options->settings, "NAME=VALUE, such as uplink_filter.token_share=0.5 compressor.codec=dense4")
      ->required();
  watched(*set_command);
  set_command->footer(
      "A change like any other: planned, applied everywhere or nowhere, in the history. Settings that a role\n"
      "has of its own ([[roles]] settings) stand above these; change them with a file. When somebody else changes\n"
      "something in the same moment, nothing is changed: exit status 7.");
  common(*set_command);
  set_command->callback(run(&set, false));

  CLI::App* history_command = app.add_subcommand("history", "Every topology that ran here: who, when, what changed");
  history_command->add_option("--most", options->most, "How many, the newest first (50)")->option_text("N");
  history_command->add_option("--revision", options->revision, "Print the document of this revision")->option_text("N");
  common(*history_command);
  history_command->callback(run(&history, false));
}

}  // namespace freshet::cli

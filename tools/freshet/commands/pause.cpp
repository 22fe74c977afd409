// freshet pause, resume, drain: adaptation or a node out of work and back, as changes of the topology.
#include "config/merge.hpp"
#include "config/value.hpp"
#include "tools/freshet/commands/change_run.hpp"
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "topology/graph/load.hpp"

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace freshet::cli {
namespace {

using nlohmann::json;

struct pause_options : change_options {
  std::string node;   ///< empty: adaptation
};

/// What runs, as a document and as what it means.
struct running {
  json document;
  topology::graph graph;
};

result<topology::graph> graph_of(const json& document, const std::string& text, const std::string& state_dir) {
  topology::load_options load;
  load.file = "what runs";
  load.base_dir = document.value("base_dir", "");
  load.state_dir = state_dir;
  return topology::load_graph(text, load);
}

result<running> what_runs(control_client& client, const pause_options& options) {
  FRESHET_TRY_ASSIGN(const chosen_topology here, load_running_topology(options.daemon));
  FRESHET_TRY_ASSIGN(json document, running_document(client));
  FRESHET_TRY_ASSIGN(topology::graph graph, graph_of(document, document.value("text", ""), here.graph.state_dir));
  return running{std::move(document), std::move(graph)};
}

/// A role may have a setting of its own, which stands above that of its kind: then nothing would happen, unsaid.
result<std::string> deaf_distiller(const running& now, const std::string& over, bool paused) {
  FRESHET_TRY_ASSIGN(const std::string text, config::merge_texts({now.document.value("text", ""), over}));
  FRESHET_TRY_ASSIGN(const topology::graph after, graph_of(now.document, text, now.graph.state_dir));
  for (const topology::role_spec* role : after.roles_of(topology::role_kind::distiller))
    if (std::get<config::distiller_settings>(role->settings).paused != paused) return role->where().text();
  return std::string();
}

int pause(const pause_options& options, bool paused) {
  auto client = reach(options);
  if (!client) return report(client.err());
  const auto now = what_runs(*client, options);
  if (!now) return report(now.err());
  const std::string over = std::string("distiller.paused = ") + (paused ? "true\n" : "false\n");
  const auto deaf = deaf_distiller(*now, over, paused);
  if (!deaf) return report(deaf.err());
  if (!deaf->empty()) {
    std::cerr << "freshet: " << *deaf << " has `paused` among its own settings ([[roles]]), which stand above; change that "
              << "with a file\n";
    return exit_failed;
  }
  return lay_over(*client, now->document, over, paused ? "pause" : "resume", options);
}

int drain(const pause_options& options, bool out) {
  auto client = reach(options);
  if (!client) return report(client.err());
  const auto now = what_runs(*client, options);
  if (!now) return report(now.err());
  std::vector<std::string> drained = now->graph.drained;
  const auto found = std::find(drained.begin(), drained.end(), options.node);
  if (out && found == drained.end()) drained.push_back(options.node);
  if (!out && found == drained.end() && now->graph.find_node(options.node) == nullptr) {
    std::cerr << "freshet: no node " << options.node << " is drained, and none of that name runs\n";
    return exit_failed;
  }
  if (!out && found != drained.end()) drained.erase(found);
  std::string list;
  for (const std::string& node : drained) list += (list.empty() ? "" : ", ") + config::text_literal(node);
  return lay_over(*client, now->document, "drained = [" + list + "]\n", (out ? "drain " : "resume ") + options.node, options);
}

}  // namespace

void add_pause(CLI::App& app, action& chosen) {
  auto options = std::make_shared<pause_options>();
  const auto command = [&](const char* name, const char* what, const char* more, int (*act)(const pause_options&)) {
    CLI::App* c = app.add_subcommand(name, what);
    c->footer(more);
    options->add_watching_to(*c);
    options->add_common_to(*c);
    c->callback([options, act, &chosen] { chosen = [options, act] { return act(*options); }; });
    return c;
  };
  command("pause", "Leave the student as it is until `freshet resume`",
          "Devices go on answering. No labels are taken and no version is made; samples wait in the journal until it is full,\n"
          "then on the devices, which drop the least valuable first. A change like any other: in the history, kept over a\n"
          "restart of the daemon.",
          [](const pause_options& o) { return pause(o, true); });
  command("resume", "Go on with adaptation, or with a node that was drained",
          "Without NODE it ends a `freshet pause`; with it, a `freshet drain`.",
          [](const pause_options& o) { return o.node.empty() ? pause(o, false) : drain(o, false); })
      ->add_option("NODE", options->node, "The node that is to run again");
  command("drain", "Stop a node in order and keep it out until `freshet resume NODE`",
          "Its roles finish what they are at and flush within its stop_within, then its process ends. It stays in the\n"
          "document, and its devices keep their numbers and what they have on disk. A node whose roles nobody else has, or\n"
          "that keeps state of the cloud, cannot be drained: exit status 7 or 3, and nothing is changed.",
          [](const pause_options& o) { return drain(o, true); })
      ->add_option("NODE", options->node, "The node that is to stop")
      ->required();
}

}  // namespace freshet::cli

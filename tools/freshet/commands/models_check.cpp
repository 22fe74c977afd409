// freshet models check: whether the models that a configuration names are there, can be run as it says, and belong together.
#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "tools/freshet/commands/models.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/named_models.hpp"

namespace freshet::cli {
namespace {

constexpr const char* check_lessons =
    "Reads the folders of device.model, distiller.student (which compressor and deployer have too) and teacher.model,\n"
    "by their headers: configuration, tensors, tokenizer, template, and what the student must not forget. Then it asks\n"
    "whether they belong together: the same student on devices and distiller, a teacher that sees what the student\n"
    "sees, one vision tower where features travel, and settings that a student of text alone can follow. Prints every\n"
    "problem as FILE:LINE:COLUMN: SETTING: what is wrong and what would be right, and ends with status 3 if there is one.\n"
    "\n"
    "  freshet models check -c my.toml                  all folders are on this host\n"
    "  freshet models check -c my.toml --node edge-1    only those of the roles on edge-1\n"
    "\n"
    "freshet check looks at the configuration alone.";

struct check_options {
  topology_options topology;
  std::string node;
  bool as_json = false;
};

int check(const check_options& o) {
  const auto topology = load_topology(o.topology);
  if (!topology) return report(topology.err());
  const topology::graph& g = topology->graph;
  if (!o.node.empty() && g.find_node(o.node) == nullptr) {
    std::string known;
    for (const auto& node : g.nodes) known += (known.empty() ? "" : ", ") + node.name;
    return report(error{errc::invalid_argument, "--node " + o.node + ": " + g.file + " has no such node; it has " + known});
  }
  const named_models read = read_named_models(g, o.node);
  if (o.as_json) {
    std::cout << json_of(read).dump() << '\n';
  } else {
    std::cout << text_of(read);
    if (read.problems.empty() && read.models.empty()) std::cout << "no role of node " << o.node << " has a model\n";
  }
  if (read.problems.empty()) return exit_ok;
  return report(read.problems.as_error());
}

}  // namespace

void add_models_check(CLI::App& models, action& chosen) {
  CLI::App* command = models.add_subcommand("check", "Whether the models that a configuration names fit it and each other");
  command->footer(check_lessons);
  auto options = std::make_shared<check_options>();
  options->topology.add_file_to(*command);
  command->add_option("--node", options->node, "Only the folders of this node's roles")->option_text("NAME");
  command->add_flag("--json", options->as_json, "One JSON object");
  command->callback([options, &chosen] { chosen = [options] { return check(*options); }; });
}

}  // namespace freshet::cli

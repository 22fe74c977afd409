#include "tools/freshet/commands/line_options.hpp"

#include <CLI/CLI.hpp>

#include "actors/assembly/line_adapters.hpp"

namespace freshet::cli {

line_options::line_options() {
  adapters = actors::adapters_of(config::distiller_settings());
}

void add_line_options(CLI::App& command, const std::shared_ptr<line_options>& to) {
  command.add_option("--rank", to->adapters.rank, "Rank of the adapters")->check(CLI::Range(1, 1024))->capture_default_str();
  command.add_option("--alpha", to->adapters.alpha, "Their scale is this over the rank")->capture_default_str();
  command.add_option("--targets", to->adapters.targets, "Layers that get one, by the end of their name")->delimiter(',');
  command.add_option("--seed", to->adapters.seed, "Of their first values")->capture_default_str();
  command.add_flag("!--freeze-vision", to->adapters.train_vision, "The vision tower does not learn (distiller.train_vision = false)");
  command.add_option("--chat-template", to->chat_template, "How the roles ask the student: part of the line")->capture_default_str();
}

}  // namespace freshet::cli

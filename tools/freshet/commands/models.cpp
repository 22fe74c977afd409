// freshet models: what is done with model folders before a daemon runs them.
#include "tools/freshet/commands/models.hpp"

#include <CLI/CLI.hpp>

#include "tools/freshet/commands/computing.hpp"

namespace freshet::cli {

void add_models(CLI::App& app, action& chosen) {
  CLI::App* models = app.add_subcommand(models_command.name, models_command.about);
  models->require_subcommand(1);
  add_models_inspect(*models, chosen);
  add_models_check(*models, chosen);
  add_models_random(*models, chosen);
  add_models_merge(*models, chosen);
  add_models_export(*models, chosen);
  add_models_quantize(*models, chosen);
  add_models_rehearsal(*models, chosen);
}

}  // namespace freshet::cli

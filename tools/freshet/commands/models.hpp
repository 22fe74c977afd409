// The commands below `freshet models`, a file each.
#pragma once

#include "tools/freshet/commands/commands.hpp"

namespace freshet::cli {

void add_models_inspect(CLI::App& models, action& chosen);
void add_models_check(CLI::App& models, action& chosen);
void add_models_random(CLI::App& models, action& chosen);
void add_models_merge(CLI::App& models, action& chosen);
void add_models_export(CLI::App& models, action& chosen);
void add_models_quantize(CLI::App& models, action& chosen);
void add_models_rehearsal(CLI::App& models, action& chosen);

}  // namespace freshet::cli

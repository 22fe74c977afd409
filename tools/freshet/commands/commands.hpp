// The commands of `freshet`, each in a file of its own. A command adds itself to the command line and,
// when chosen, leaves what is to be run. To add one: a file, a declaration here, a line in main.cpp;
// for those that compute see computing.hpp.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace freshet::cli {

/// What the command line asks for; its return value is the exit status (exit_codes.hpp).
using action = std::function<int()>;

void add_run(CLI::App& app, action& chosen);
void add_status(CLI::App& app, action& chosen);
void add_top(CLI::App& app, action& chosen);
void add_check(CLI::App& app, action& chosen);
void add_devices(CLI::App& app, action& chosen);
void add_change(CLI::App& app, action& chosen);   // plan, apply, set, history
void add_pause(CLI::App& app, action& chosen);    // pause, resume, drain
void add_rollout(CLI::App& app, action& chosen);  // versions, pin, rollback
void add_config(CLI::App& app, action& chosen);
void add_keys(CLI::App& app, action& chosen);
void add_models(CLI::App& app, action& chosen);
void add_pretrain(CLI::App& app, action& chosen);
void add_bench(CLI::App& app, action& chosen);
void add_bench_adapt(CLI::App& bench, action& chosen);
void add_bench_kernels(CLI::App& bench, action& chosen);
void add_bench_model(CLI::App& bench, action& chosen);
void add_bench_wire(CLI::App& bench, action& chosen);

}  // namespace freshet::cli

// freshet models quantize: base weights in 8 or 4 bits.
#include <memory>

#include <CLI/CLI.hpp>

#include "tools/freshet/commands/models.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/quantise/quantise.hpp"

namespace freshet::cli {

void add_models_quantize(CLI::App& models, action& chosen) {
  auto r = std::make_shared<tools::quantise_request>();
  CLI::App* app = models.add_subcommand("quantize", "A model in float to one with 8- or 4-bit base weights");
  app->add_option("MODEL", r->model, "Model folder: config.json, model.safetensors, tokenizer")->required();
  app->add_option("--out", r->out, "Folder for the quantised model")->required();
  app->add_option("--bits", r->bits, "8 (a scale for each row) or 4 (a scale for each row and group)")
      ->capture_default_str()
      ->check(CLI::IsMember({8, 4}));
  app->add_option("--group", r->group, "With 4 bits: 32, 64 or 128 columns; 32 when not given")
      ->check(CLI::IsMember({32, 64, 128}));
  app->add_option("--method", r->method,
                  "rtn: round to nearest; awq: scales searched for what the inputs weigh; gptq: errors carried into the "
                  "columns behind")
      ->capture_default_str()
      ->check(CLI::IsMember({"rtn", "awq", "gptq"}));
  app->add_option("--head-bits", r->head_bits, "Of embedding and head: 8, the same as --bits, or 0 for float")
      ->capture_default_str()
      ->check(CLI::IsMember({8, 4, 0}));
  app->add_flag("--float-vision", r->float_vision,
                "The vision tower stays in float, so that a teacher with the same tower can read its features");
  app->add_option("--data", r->data, "Pictures and questions for the calibration: \"scenes\", or a data folder")
      ->capture_default_str();
  app->add_option("--phases", r->phases, "Phases of the data; the first one calibrates")->delimiter(',');
  app->add_option("--pictures", r->pictures, "Pictures of the calibration")->capture_default_str()->check(CLI::Range(1, 100000));
  app->add_option("--measure", r->measured, "Held-out pictures a phase on which the accuracy before and after is measured")
      ->check(CLI::Range(0, 100000));
  app->add_option("--seed", r->seed, "Seed of the draws")->capture_default_str();
  app->add_option("--severity", r->severity, "Strength of the shifts, 0 to 1")->capture_default_str()->check(CLI::Range(0.0, 1.0));
  app->add_flag("--quiet", r->quiet, "No progress");
  app->callback([r, &chosen] {
    chosen = [r] {
      const auto done = tools::run_quantise(*r);
      return done.ok() ? static_cast<int>(exit_ok) : report(done.err());
    };
  });
}

}  // namespace freshet::cli

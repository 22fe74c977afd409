// freshet models export-adapter MODEL: what a distiller has learned, as a LoRA folder that PEFT loads.
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "actors/distiller/distiller_state.hpp"
#include "kernels/model/adapter_export.hpp"
#include "tools/freshet/commands/line_options.hpp"
#include "tools/freshet/commands/models.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/exit_codes.hpp"

namespace freshet::cli {
namespace {

constexpr const char* export_lessons =
    "MODEL is the folder of the distiller's student, FILE one of the student-N.safetensors in the distiller's part of\n"
    "the state folder. DIR gets adapter_config.json, adapter_model.safetensors and, because norms and biases are\n"
    "trained too and PEFT's files have no place for them, trained_norms_and_biases.safetensors (docs/adapters.md).\n"
    "\n"
    "  freshet models export-adapter models/scenes/student --student STATE/cloud/distiller/student-31.safetensors --out mine\n"
    "\n"
    "The options stand for distiller.lora_rank, lora_alpha, lora_targets, train_vision, seed and chat_template, and begin with their defaults; with\n"
    "others than the distiller's the line is another, which is refused.";

struct export_options {
  std::string model;
  std::string student;
  std::string out;
  bool learned = false;
  bool old_names = false;
  bool as_json = false;
  std::shared_ptr<line_options> line = std::make_shared<line_options>();
};

result<void> export_to_folder(const export_options& o) {
  FRESHET_TRY_ASSIGN(const auto state, actors::load_state(o.student));
  if (!state) return error{errc::not_found, o.student};
  const auto names = o.old_names ? model::library_names::before_4_52 : model::library_names::current;
  FRESHET_TRY_ASSIGN(const auto done, model::export_adapter(o.model, o.line->adapters, state->line,
                                                            o.learned ? state->learned : state->mirror, o.out, names,
                                                            o.line->chat_template));
  if (o.as_json) {
    std::cout << nlohmann::json{{"version", state->committed.value}, {"learned", o.learned}, {"layers", done.layers},
                                {"norms_and_biases", done.norms_and_biases}, {"folder", o.out}}
                     .dump()
              << '\n';
  } else {
    std::cout << o.out << ": version " << state->committed.value << (o.learned ? " and what was learned since" : "") << ", "
              << done.layers << " layers with matrices, " << done.norms_and_biases << " norms and biases beside them\n";
  }
  return {};
}

}  // namespace

void add_models_export(CLI::App& models, action& chosen) {
  CLI::App* command = models.add_subcommand("export-adapter", "What a distiller has learned, as a LoRA folder that PEFT loads");
  command->footer(export_lessons);
  auto options = std::make_shared<export_options>();
  command->add_option("MODEL", options->model, "The student's folder")->required();
  command->add_option("--student", options->student, "What the distiller keeps: student-N.safetensors")->required();
  command->add_option("--out", options->out, "The folder to write")->required();
  command->add_flag("--learned", options->learned, "Also what was learned since the last version");
  command->add_flag("--old-names", options->old_names, "Modules as transformers before 4.52 names them");
  command->add_flag("--json", options->as_json, "One JSON object");
  add_line_options(*command, options->line);
  command->callback([options, &chosen] {
    chosen = [options]() -> int {
      const auto done = export_to_folder(*options);
      return done.ok() ? static_cast<int>(exit_ok) : report(done.err());
    };
  });
}

}  // namespace freshet::cli

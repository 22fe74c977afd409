// freshet models merge-adapter MODEL: a LoRA folder of PEFT's, put into the weights of its base.
#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "kernels/model/adapter_merge.hpp"
#include "tools/freshet/commands/models.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/exit_codes.hpp"

namespace freshet::cli {
namespace {

constexpr const char* merge_lessons =
    "The way to begin from an adapter that there is: the merged model is a student like any other, and what a fleet learns\n"
    "comes on top. trained_norms_and_biases.safetensors beside the adapter is taken too, as models export-adapter writes it.\n"
    "Weights are stored in f32; to have them in 8 or 4 bits, quantize the merged model.\n"
    "\n"
    "  freshet models merge-adapter small-vlm --adapter my-lora --out student\n"
    "  freshet bench adapt --teacher big-vlm --student student --data my-data --phases photo,cartoon,photo";

struct merge_options {
  std::string model;
  std::string adapter;
  std::string out;
  bool as_json = false;
};

}  // namespace

void add_models_merge(CLI::App& models, action& chosen) {
  CLI::App* command = models.add_subcommand("merge-adapter", "A LoRA folder of PEFT's put into the weights of its base");
  command->footer(merge_lessons);
  auto options = std::make_shared<merge_options>();
  command->add_option("MODEL", options->model, "The base's folder")->required();
  command->add_option("--adapter", options->adapter, "Folder with adapter_config.json and adapter_model.safetensors")->required();
  command->add_option("--out", options->out, "The folder to write: the merged model with all that stands beside the base's weights")
      ->required();
  command->add_flag("--json", options->as_json, "One JSON object");
  command->callback([options, &chosen] {
    chosen = [options]() -> int {
      const auto done = model::merge_adapter(options->model, options->adapter, options->out);
      if (!done.ok()) return report(done.err());
      if (options->as_json) {
        std::cout << nlohmann::json{{"layers", done->layers}, {"norms_and_biases", done->norms_and_biases}, {"folder", options->out}}.dump()
                  << '\n';
      } else {
        std::cout << options->out << ": " << done->layers << " layers merged, " << done->norms_and_biases
                  << " norms and biases taken\n";
      }
      return exit_ok;
    };
  });
}

}  // namespace freshet::cli

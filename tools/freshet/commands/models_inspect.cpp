// freshet models inspect DIR: what a model folder holds, and what it would cost to run and to refresh.
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "kernels/model/inspection.hpp"
#include "tools/freshet/commands/line_options.hpp"
#include "tools/freshet/commands/models.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/model_view.hpp"

namespace freshet::cli {
namespace {

// Above, the weights are read only when asked to.
constexpr std::uint64_t hashed_unasked_bytes = std::uint64_t{1} << 30;

constexpr const char* inspect_lessons =
    "DIR is a folder as Hugging Face has it: config.json and model.safetensors, or shards with their index. It is\n"
    "read without conversion, and only its headers: a model larger than memory can be looked at. Whatever does not\n"
    "fit (an unknown architecture, tensors missing, left over or of another shape) is listed with what would.\n"
    "\n"
    "  freshet models inspect llava-1.5-7b-hf            figures for people\n"
    "  freshet models inspect smolvlm --json             the same for scripts\n"
    "  freshet models inspect llava-1.5-7b-hf --hash     reads every weight, a minute for 14 GB on a disk of\n"
    "                                                    250 MB/s; below 1 GiB that happens unasked\n"
    "\n"
    "The memory of weights: at 8 and 4 bit as `models quantize` stores them, words in 8 bits either way, norms, biases\n"
    "and convolutions as f32. The trainable set is what travels: norms, biases and LoRA adapters; the\n"
    "options stand for distiller.lora_rank, lora_alpha, lora_targets, train_vision and seed, and begin with their defaults. Cloud\n"
    "and devices can work together only with the same line: the same weights, the same trainable set, the same\n"
    "adapters.";

struct models_options {
  std::string folder;
  bool as_json = false;
  bool hash = false;
  std::shared_ptr<line_options> line = std::make_shared<line_options>();
};

result<void> inspect(const models_options& o) {
  FRESHET_TRY_ASSIGN(const model::inspection found, model::inspect_model(o.folder, o.line->adapters));
  std::optional<model::line_figures> line;
  if (o.hash || (found.file_bytes <= hashed_unasked_bytes && found.trainable.adapted_layers > 0)) {
    auto hashed = model::hash_model(o.folder, o.line->adapters, o.line->chat_template);
    if (!hashed.ok() && o.hash) return hashed.err();
    // Nobody asked for it: all else is worth showing.
    if (!hashed.ok()) std::cerr << "no line: " << hashed.err().text() << '\n';
    if (hashed.ok()) line = std::move(hashed).value();
  }
  if (o.as_json) {
    std::cout << json_of(found, o.line->adapters, line).dump() << '\n';
  } else {
    std::cout << text_of(found, o.line->adapters, line);
  }
  return {};
}

}  // namespace

void add_models_inspect(CLI::App& models, action& chosen) {
  CLI::App* command = models.add_subcommand("inspect", "Architecture, parameters, memory, trainable set and line of a model folder");
  command->footer(inspect_lessons);
  auto options = std::make_shared<models_options>();
  command->add_option("DIR", options->folder, "The model folder")->required();
  command->add_flag("--json", options->as_json, "One JSON object");
  command->add_flag("--hash", options->hash, "Compute line and hash of the vision tower however large the files are");
  add_line_options(*command, options->line);
  command->callback([options, &chosen] {
    chosen = [options]() -> int {
      const auto done = inspect(*options);
      return done.ok() ? static_cast<int>(exit_ok) : report(done.err());
    };
  });
}

}  // namespace freshet::cli

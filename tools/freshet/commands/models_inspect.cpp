// freshet models inspect DIR: what a model folder holds, and what it would cost to run and to refresh.
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "config/schema/distiller.hpp"
#include "kernels/model/inspection.hpp"
#include "tools/freshet/commands/models.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/model_view.hpp"

namespace freshet::cli {
namespace {

// Above, the weights are read only when asked to.
constexpr std::uint64_t hashed_unasked_bytes = std::uint64_t{1} << 30;

constexpr const char* lessons =
    "DIR is a folder as Hugging Face has it: config.json and model.safetensors, or shards with their index. It is\n"
    "read without conversion, and only its headers: a model larger than memory can be looked at. Whatever does not\n"
    "fit (an unknown architecture, tensors missing, left over or of another shape) is listed with what would.\n"
    "\n"
    "  freshet models inspect llava-1.5-7b-hf            figures for people\n"
    "  freshet models inspect smolvlm --json             the same for scripts\n"
    "  freshet models inspect llava-1.5-7b-hf --hash     reads every weight, a minute for 14 GB on a disk of\n"
    "                                                    250 MB/s; below 1 GiB that happens unasked\n"
    "\n"
    "The memory of weights: at 8 and 4 bit those of linear layers are stored so (with a scale a row, or one a group\n"
    "of 32) and everything else as bf16. The trainable set is what travels: norms, biases and LoRA adapters; the\n"
    "options stand for distiller.lora_rank, lora_alpha, lora_targets and seed, and begin with their defaults. Cloud\n"
    "and devices can work together only with the same line: the same weights, the same trainable set, the same\n"
    "adapters.";

struct models_options {
  std::string folder;
  bool as_json = false;
  bool hash = false;
  std::string chat_template = "auto";
  model::lora_spec adapters;
};

result<void> inspect(const models_options& o) {
  FRESHET_TRY_ASSIGN(const model::inspection found, model::inspect_model(o.folder, o.adapters));
  std::optional<model::line_figures> line;
  if (o.hash || (found.file_bytes <= hashed_unasked_bytes && found.trainable.adapted_layers > 0)) {
    auto hashed = model::hash_model(o.folder, o.adapters, o.chat_template);
    if (!hashed.ok() && o.hash) return hashed.err();
    // Nobody asked for it: all else is worth showing.
    if (!hashed.ok()) std::cerr << "no line: " << hashed.err().text() << '\n';
    if (hashed.ok()) line = std::move(hashed).value();
  }
  if (o.as_json) {
    std::cout << json_of(found, o.adapters, line).dump() << '\n';
  } else {
    std::cout << text_of(found, o.adapters, line);
  }
  return {};
}

}  // namespace

void add_models_inspect(CLI::App& models, action& chosen) {
  CLI::App* command = models.add_subcommand("inspect", "Architecture, parameters, memory, trainable set and line of a model folder");
  command->footer(lessons);
  const config::distiller_settings defaults;
  auto options = std::make_shared<models_options>();
  options->adapters = {defaults.lora_rank, defaults.lora_alpha, defaults.lora_targets, defaults.seed};
  command->add_option("DIR", options->folder, "The model folder")->required();
  command->add_flag("--json", options->as_json, "One JSON object");
  command->add_flag("--hash", options->hash, "Compute the line however large the files are");
  command->add_option("--chat-template", options->chat_template, "How the roles ask it: part of the line")->capture_default_str();
  command->add_option("--rank", options->adapters.rank, "Rank of the adapters")->check(CLI::Range(1, 1024))->capture_default_str();
  command->add_option("--alpha", options->adapters.alpha, "Their scale is this over the rank")->capture_default_str();
  command->add_option("--targets", options->adapters.targets, "Layers that get one, by the end of their name")->delimiter(',');
  command->add_option("--seed", options->adapters.seed, "Of their first values")->capture_default_str();
  command->callback([options, &chosen] {
    chosen = [options]() -> int {
      const auto done = inspect(*options);
      return done.ok() ? static_cast<int>(exit_ok) : report(done.err());
    };
  });
}

}  // namespace freshet::cli

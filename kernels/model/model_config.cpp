#include "kernels/model/model_config.hpp"

#include <limits>
#include <utility>

#include "kernels/model/architecture.hpp"
#include "kernels/model/config_section.hpp"
#include "kernels/model/image_processor.hpp"
#include "kernels/model/model_config_check.hpp"
#include "kernels/model/quantisation_section.hpp"
#include "kernels/model/strict_json.hpp"
#include "kernels/model/whole_file.hpp"

namespace freshet::model {
namespace {

using nlohmann::json;

constexpr std::size_t most_config_bytes = std::size_t{4} << 20;
constexpr std::size_t most_eos_ids = 256;

result<void> read_generation(model_config& config, const std::filesystem::path& path) {
  FRESHET_TRY_ASSIGN(config.generation_document, read_whole_file(path, most_config_bytes));
  FRESHET_TRY_ASSIGN(const json document, parse_json(config.generation_document, path.string()));
  if (!document.is_object()) return error{errc::config, path.string() + ": must be a JSON object"};
  problem_list problems;
  const section top(document, "", problems);
  if (top.has("eos_token_id")) {
    std::vector<std::int32_t> ends;
    for (const std::int64_t id : top.integers("eos_token_id", {}, most_eos_ids)) {
      if (id >= 0 && id < config.text.vocab_size) {
        ends.push_back(static_cast<std::int32_t>(id));
      } else {
        top.problem("eos_token_id", id, "must be a token id below vocab_size (" + std::to_string(config.text.vocab_size) + ")");
      }
    }
    config.generation_ends = std::move(ends);
  }
  return problems.as_result(path.string());
}

}  // namespace

std::string_view name(vision_kind kind) noexcept {
  switch (kind) {
    case vision_kind::clip: return "CLIP";
    case vision_kind::siglip: return "SigLIP";
    case vision_kind::idefics3: return "SigLIP (Idefics3)";
    case vision_kind::qwen2_vl: return "Qwen2-VL";
  }
  return "unknown";
}

std::string_view name(connector_kind kind) noexcept {
  switch (kind) {
    case connector_kind::mlp: return "MLP";
    case connector_kind::pixel_shuffle: return "pixel shuffle";
    case connector_kind::patch_merger: return "patch merger";
  }
  return "unknown";
}

std::string_view name(text_kind kind) noexcept { return kind == text_kind::llama ? "Llama" : "Qwen2"; }

std::int64_t model_config::image_tokens() const noexcept {
  if (!vision || !projector) return 0;
  if (vision->merge > 1) return vision->cells();
  return vision->tokens() - (projector->select == feature_select::drop_class_token ? 1 : 0);
}

result<model_config> parse_model_config(std::string_view text, std::string_view origin) {
  FRESHET_TRY_ASSIGN(const json document, parse_json(text, origin));
  if (!document.is_object()) return error{errc::config, std::string(origin) + ": must be a JSON object"};
  problem_list problems;
  const section top(document, "", problems);
  if (!top.has("model_type")) {
    problems.missing("model_type", "must be one of " + known_architectures());
    FRESHET_TRY(problems.as_result(origin));
  }
  const json& kind = document["model_type"];
  const architecture* found = kind.is_string() ? find_architecture(kind.get_ref<const std::string&>()) : nullptr;
  if (found == nullptr) {
    return error{errc::unsupported,
                 std::string(origin) + ": model_type = " + shown(kind) + ": must be one of " + known_architectures()};
  }
  model_config config;
  config.quantisation = read_quantisation(top);
  config.architecture = found->model_type;
  config.document = std::string(text);
  readable_sections readable;
  found->read(top, config, readable);
  check_model_config(config, readable, problems);
  FRESHET_TRY(problems.as_result(origin));
  return config;
}

result<model_config> load_model_config(const std::filesystem::path& folder) {
  const auto path = folder / "config.json";
  FRESHET_TRY_ASSIGN(const std::string text, read_whole_file(path, most_config_bytes));
  FRESHET_TRY_ASSIGN(model_config config, parse_model_config(text, path.string()));
  const auto generation = folder / "generation_config.json";
  std::error_code ignored;
  if (std::filesystem::exists(generation, ignored)) FRESHET_TRY(read_generation(config, generation));
  if (config.vision && std::filesystem::exists(folder / "preprocessor_config.json", ignored)) {
    FRESHET_TRY_ASSIGN(const image_processor_config pictures, load_image_processor(folder));
    pixel_scaling& pixels = config.vision->pixels;
    pixels.scale = pictures.rescale ? pictures.rescale_factor : 1.0;
    pixels.mean = pictures.normalize ? pictures.mean : std::array<double, 3>{0, 0, 0};
    pixels.deviation = pictures.normalize ? pictures.deviation : std::array<double, 3>{1, 1, 1};
  }
  return config;
}

result<void> save_model_config(const model_config& config, const std::filesystem::path& folder) {
  const auto path = folder / "config.json";
  FRESHET_TRY(check_model_config(config, path.string()));
  FRESHET_TRY(write_whole_file(path, to_json(config)));
  if (config.generation_document.empty()) return {};
  return write_whole_file(folder / "generation_config.json", config.generation_document);
}

}  // namespace freshet::model

#include "kernels/model/peft.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "kernels/model/architecture.hpp"
#include "kernels/model/key_spelling.hpp"
#include "kernels/model/lora.hpp"
#include "kernels/model/safetensors.hpp"
#include "kernels/model/strict_json.hpp"
#include "kernels/model/tensor_bridge.hpp"
#include "kernels/model/trainable_set.hpp"
#include "kernels/model/whole_file.hpp"

namespace freshet::model {
namespace {

constexpr std::size_t most_config_bytes = std::size_t{16} << 20;
constexpr std::string_view key_front = "base_model.model.";
constexpr std::string_view ends_a = ".lora_A.weight";
constexpr std::string_view ends_b = ".lora_B.weight";

bool begins(std::string_view text, std::string_view front) { return text.substr(0, front.size()) == front; }
bool ends(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

struct layer {
  std::string name;                  ///< ours
  std::vector<std::int64_t> shape;   ///< of its weight
};
/// Layers that may have matrices, by the library's name.
using layer_map = std::map<std::string, layer>;

bool is_embedding(std::string_view layer) { return ends(layer, "embed_tokens") || ends(layer, "position_embedding"); }

layer_map layers_of(const model_config& config, const parameters& base, library_names names) {
  layer_map out;
  for (auto& [name, shape] : adaptable_layers(base)) out.emplace(library_name(config, name, names), layer{name, std::move(shape)});
  return out;
}

/// "base_model.model.X.lora_A.weight" → X, or an error that says what is not built in.
result<std::string> module_of(const std::string& key, const std::string& origin) {
  const bool known = begins(key, key_front) && (ends(key, ends_a) || ends(key, ends_b));
  if (known) return key.substr(key_front.size(), key.size() - key_front.size() - ends_a.size());
  return error{errc::unsupported, origin + ": tensor " + in_quotes(key) +
                                      ": only base_model.model.<layer>.lora_A.weight and .lora_B.weight are built in"};
}

/// Under which of the library's names all modules of the file are layers of the model.
result<std::pair<library_names, layer_map>> names_of(const safetensors_file& file, const model_config& config,
                                                     const parameters& base) {
  std::set<std::string> modules;
  for (const auto& entry : file.tensors()) {
    FRESHET_TRY_ASSIGN(std::string module, module_of(entry.name, file.origin()));
    modules.insert(std::move(module));
  }
  std::string strangers;
  for (const library_names names : {library_names::current, library_names::before_4_52}) {
    layer_map layers = layers_of(config, base, names);
    std::string unknown;
    for (const std::string& module : modules) {
      if (layers.count(module) == 0) unknown += "\n  no such layer: " + in_quotes(module);
    }
    if (unknown.empty()) return std::make_pair(names, std::move(layers));
    if (strangers.empty() || unknown.size() < strangers.size()) strangers = std::move(unknown);
  }
  return error{errc::corrupt, file.origin() + ": made for another model:" + strangers};
}

result<at::Tensor> values_of(const safetensors_file& file, const std::string& name) {
  FRESHET_TRY_ASSIGN(const host_tensor stored, file.get(name));
  // Copied: training writes into it, and the file may be replaced.
  return to_torch(stored).to(at::kFloat, false, /*copy=*/true);
}

result<void> read_matrices(const safetensors_file& file, const layer_map& layers, lora_adapter& out) {
  std::string problems;
  for (const auto& [module, of] : layers) {
    const std::string front = std::string(key_front) + module;
    const bool there = file.find(front + std::string(ends_a)) != nullptr || file.find(front + std::string(ends_b)) != nullptr;
    if (!out.config.targets_module(module)) {
      if (there) problems += "\n  not among target_modules: " + module;
      continue;
    }
    if (is_embedding(of.name)) {
      return error{errc::unsupported, file.origin() + ": target_modules name " + in_quotes(module) +
                                          ", an embedding; only linear layers and convolutions are built in"};
    }
    FRESHET_TRY_ASSIGN(const std::int64_t rank, out.config.rank_of(module));
    FRESHET_TRY_ASSIGN(const double scale, out.config.scale_of(module));
    for (const bool down : {true, false}) {
      const std::string end(down ? ends_a : ends_b);
      if (file.find(front + end) == nullptr) {
        problems += "\n  missing: " + front + end;
        continue;
      }
      FRESHET_TRY_ASSIGN(at::Tensor value, values_of(file, front + end));
      if (value.sizes().vec() != (down ? lora_a_shape(of.shape, rank) : lora_b_shape(of.shape, rank))) {
        problems += "\n  wrong shape: " + front + end;
        continue;
      }
      if (!at::isfinite(value).all().item<bool>()) {
        problems += "\n  not finite: " + front + end;
        continue;
      }
      if (!down && scale != out.scale) value.mul_(scale / out.scale);
      out.matrices.emplace_back(of.name + end, std::move(value));
    }
  }
  if (!problems.empty()) return error{errc::corrupt, file.origin() + ": tensors do not fit " + peft_config_file + ":" + problems};
  if (out.matrices.empty()) {
    return error{errc::corrupt, file.origin() + ": target_modules fit no layer of the model"};
  }
  std::sort(out.matrices.begin(), out.matrices.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return {};
}

bool is_norm_or_bias(const std::string& name) { return is_trainable(name) && !ends(name, ends_a) && !ends(name, ends_b); }

result<void> read_norms_and_biases(const safetensors_file& file, const model_config& config, const parameters& base,
                                   library_names names, lora_adapter& out) {
  std::map<std::string, std::string> ours;
  for (const auto& [name, value] : base.all()) {
    if (is_norm_or_bias(name)) ours.emplace(library_name(config, name, names), name);
  }
  std::string problems;
  for (const auto& entry : file.tensors()) {
    const auto known = ours.find(entry.name);
    if (known == ours.end()) {
      problems += "\n  no such norm or bias: " + in_quotes(entry.name);
      continue;
    }
    FRESHET_TRY_ASSIGN(at::Tensor value, values_of(file, entry.name));
    if (value.sizes() != base.at(known->second).sizes()) {
      problems += "\n  wrong shape: " + entry.name;
    } else if (!at::isfinite(value).all().item<bool>()) {
      problems += "\n  not finite: " + entry.name;
    } else {
      out.norms_and_biases.emplace_back(known->second, std::move(value));
    }
  }
  if (!problems.empty()) return error{errc::corrupt, file.origin() + ": does not fit the model:" + problems};
  std::sort(out.norms_and_biases.begin(), out.norms_and_biases.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return {};
}

}  // namespace

std::string library_name(const model_config& config, std::string_view ours, library_names names) {
  // A module's name lacks the dot that its parameters' go on with.
  const std::string dotted = std::string(ours) + ".";
  const auto without_dot = [](std::string name) {
    name.pop_back();
    return name;
  };
  // Before 4.52 modules were called as new files still call their tensors.
  if (names == library_names::before_4_52) return without_dot(key_spelling::standard(config).in_file(dotted));
  // The longest part, so that one within another wins.
  const part_spelling* found = nullptr;
  for (const part_spelling& p : architecture_of(config).spellings) {
    if (begins(dotted, p.part) && (found == nullptr || p.part.size() > found->part.size())) found = &p;
  }
  if (found == nullptr) return std::string(ours);
  return without_dot(std::string(found->in_library) + dotted.substr(found->part.size()));
}

result<lora_adapter> load_peft(const std::filesystem::path& folder, const model_config& config, const parameters& base) {
  lora_adapter out;
  const auto settings = folder / peft_config_file;
  FRESHET_TRY_ASSIGN(const std::string text, read_whole_file(settings, most_config_bytes));
  FRESHET_TRY_ASSIGN(out.config, parse_peft_config(text, settings.string()));
  out.scale = out.config.scale();
  FRESHET_TRY_ASSIGN(const safetensors_file file, safetensors_file::open(folder / peft_weights_file));
  FRESHET_TRY_ASSIGN(const auto known, names_of(file, config, base));
  FRESHET_TRY(read_matrices(file, known.second, out));
  std::error_code ignored;
  if (!std::filesystem::exists(folder / norms_and_biases_file, ignored)) return out;
  FRESHET_TRY_ASSIGN(const safetensors_file others, safetensors_file::open(folder / norms_and_biases_file));
  FRESHET_TRY(read_norms_and_biases(others, config, base, known.first, out));
  return out;
}

result<void> save_peft(const std::filesystem::path& folder, const lora_adapter& adapter, const model_config& config,
                       library_names names) {
  // B is multiplied to the scale of all when a pattern gives its layer another; so what is written has no patterns
  // of scale, and those of rank are read off the matrices.
  peft_config written = adapter.config;
  written.alpha_pattern.clear();
  written.rank_pattern.clear();
  written.targets = {};
  written.excluded = {};
  std::vector<named_tensor> tensors;
  for (const auto& [name, value] : adapter.matrices) {
    const std::string layer = name.substr(0, name.size() - ends_a.size());
    const std::string module = library_name(config, layer, names);
    tensors.push_back({std::string(key_front) + library_name(config, name, names), to_host(value.detach().contiguous())});
    if (!ends(name, ends_a)) continue;
    written.targets.names.push_back(module);
    const std::int64_t rank = value.size(0);
    if (rank == written.rank) continue;
    const auto r = static_cast<double>(rank);
    const double unit = written.rank_stabilised ? std::sqrt(r) : r;
    // Names are patterns there, and a dot is any character.
    std::string pattern;
    for (const char c : module) pattern += c == '.' ? "\\." : std::string(1, c);
    written.rank_pattern.emplace(pattern, rank);
    written.alpha_pattern.emplace(pattern, adapter.scale * unit);
  }
  std::sort(written.targets.names.begin(), written.targets.names.end());
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return error{errc::io, folder.string() + ": cannot be made: " + failed.message()};
  if (!adapter.norms_and_biases.empty()) {
    std::vector<named_tensor> others;
    for (const auto& [name, value] : adapter.norms_and_biases) {
      others.push_back({library_name(config, name, names), to_host(value.detach().contiguous())});
    }
    FRESHET_TRY(write_safetensors(folder / norms_and_biases_file, others, {{"format", "pt"}}));
  } else {
    // What an earlier adapter left there would be read with this one.
    std::filesystem::remove(folder / norms_and_biases_file, failed);
  }
  FRESHET_TRY(write_safetensors(folder / peft_weights_file, tensors, {{"format", "pt"}}));
  return write_whole_file(folder / peft_config_file, peft_config_text(written));
}

lora_adapter adapter_of(const model_config& config, const parameters& weights, const lora_spec& spec,
                        const std::string& base_model) {
  lora_adapter out;
  out.config.rank = spec.rank;
  out.config.alpha = spec.alpha;
  out.config.base_model = base_model;
  out.scale = spec.scale();
  for (const auto& [name, value] : weights.all()) {
    if (ends(name, ends_a) || ends(name, ends_b)) {
      out.matrices.emplace_back(name, value);
      if (ends(name, ends_a)) {
        const std::string layer = name.substr(0, name.size() - ends_a.size());
        out.config.targets.names.push_back(library_name(config, layer, library_names::current));
      }
    } else if (is_norm_or_bias(name) && !weights.frozen(name)) {
      out.norms_and_biases.emplace_back(name, value);
    }
  }
  const auto by_name = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::sort(out.matrices.begin(), out.matrices.end(), by_name);
  std::sort(out.norms_and_biases.begin(), out.norms_and_biases.end(), by_name);
  std::sort(out.config.targets.names.begin(), out.config.targets.names.end());
  return out;
}

}  // namespace freshet::model

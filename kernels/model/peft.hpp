// LoRA adapters in PEFT's layout: adapter_config.json and adapter_model.safetensors in a folder, in and out.
//
// Norms and biases, which are trained here beside the matrices, have no place in those files. They go into
// trained_norms_and_biases.safetensors beside them: whole values under the names of the library's parameters, so
// that `model.load_state_dict(safetensors.torch.load_file(...), strict=False)` puts them into the base model before
// PEFT wraps it.
//
// Names: of modules in transformers since 4.52 ("model.language_model.layers.0..."), or before it
// ("language_model.model.layers.0..."); files of both are read, the newer is written unless asked otherwise.
// Thread contract: free functions without state; an adapter's tensors are shared handles.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/base/result.hpp"
#include "kernels/model/lora.hpp"
#include "kernels/model/model_config.hpp"
#include "kernels/model/parameters.hpp"
#include "kernels/model/peft_config.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace freshet::model {

constexpr const char* peft_config_file = "adapter_config.json";
constexpr const char* peft_weights_file = "adapter_model.safetensors";
constexpr const char* norms_and_biases_file = "trained_norms_and_biases.safetensors";

enum class library_names : std::uint8_t { current, before_4_52 };

/// The name of a parameter or module of ours ("language_model.model.layers.0") in the library's model.
[[nodiscard]] std::string library_name(const model_config& config, std::string_view ours, library_names names);

/// What lies beside a base model. Tensors f32, under the program's names.
struct lora_adapter {
  peft_config config;
  double scale = 0;  ///< of every B A; where a pattern gives a layer another, its B is multiplied to fit
  /// `layer`.lora_A.weight [rank, in, ...] and `layer`.lora_B.weight [out, rank, ...], sorted by name.
  std::vector<std::pair<std::string, at::Tensor>> matrices;
  std::vector<std::pair<std::string, at::Tensor>> norms_and_biases;  ///< may be empty
};

/// Reads a folder for a model with these weights (adapters beside them are overlooked). errc::unsupported for parts
/// that are not built in; errc::corrupt lists all tensors that are missing, too many or misshapen.
result<lora_adapter> load_peft(const std::filesystem::path& folder, const model_config& config, const parameters& base);

/// Writes a folder, each file replaced whole; norms and biases only where the adapter has some.
result<void> save_peft(const std::filesystem::path& folder, const lora_adapter& adapter, const model_config& config,
                       library_names names = library_names::current);

/// What a model that was given an adapter by attach(spec) holds: its matrices and its norms and biases, as handles.
/// `base_model` is what people call the base.
[[nodiscard]] lora_adapter adapter_of(const model_config& config, const parameters& weights, const lora_spec& spec,
                                      const std::string& base_model);

}  // namespace freshet::model

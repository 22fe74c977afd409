// The registry of architectures: what stands in config.json, what the tensors are called in files,
// and, through the kinds that a configuration names (vision_kind, connector_kind, text_kind), what
// computes. To add one: a file in architectures/, two lines in architecture.cpp; a new kind of tower or
// connector is a file of its own beside vision.cpp or a case in connector.cpp. Internal to kernels/model.
// Thread contract: immutable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "kernels/model/config_section.hpp"
#include "kernels/model/model_config.hpp"
#include "kernels/model/model_config_check.hpp"
#include "kernels/model/part_names.hpp"

namespace freshet::model {

/// How the names of one part's tensors begin: in the program, and in files. The first spelling is what
/// new files get; the others are those of other versions of Hugging Face's transformers.
struct part_spelling {
  std::string_view part;
  std::vector<std::string_view> in_files;
  /// How the library's own modules begin since 4.52, by which PEFT's files call layers.
  std::string_view in_library;
};

struct architecture {
  std::string_view model_type;  ///< of config.json: the registry's key
  std::string_view class_name;  ///< Hugging Face's, for "architectures" in files that we make
  void (*read)(const section& top, model_config& out, readable_sections& readable);
  void (*write)(const model_config& config, nlohmann::json& root);
  std::vector<part_spelling> spellings;
};

[[nodiscard]] const std::vector<const architecture*>& architectures();
/// nullptr where nobody knows it.
[[nodiscard]] const architecture* find_architecture(std::string_view model_type);
/// The one of a checked configuration.
[[nodiscard]] const architecture& architecture_of(const model_config& config);
/// "llava, idefics3, ...", for messages.
[[nodiscard]] std::string known_architectures();

}  // namespace freshet::model

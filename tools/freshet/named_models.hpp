// The model folders that a topology names: read by their headers, held against what their roles are set to do with them
// and against each other. What a node would find when it starts, without starting one.
// Thread contract: pure functions that read files.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/problem.hpp"
#include "kernels/model/inspection.hpp"
#include "kernels/model/templated_tokenizer.hpp"
#include "topology/graph/graph.hpp"

namespace freshet::cli {

/// A folder, asked in one way, and who has it.
struct named_model {
  std::string folder;
  std::string chat_template;         ///< as the settings have it
  std::string settings;              ///< "device.model, distiller.student"
  model::inspection found;
  model::asking_tokenizer asking;    ///< with the template that it comes to
};

struct named_models {
  std::vector<named_model> models;   ///< those that were read
  config::problems problems;
};

/// Of the roles on `node`, or of all when it is empty. Weights are read only where devices have the student under another
/// name than the distiller, and those of the vision towers where features travel.
[[nodiscard]] named_models read_named_models(const topology::graph& graph, const std::string& node);

[[nodiscard]] std::string text_of(const named_models& read);
[[nodiscard]] nlohmann::json json_of(const named_models& read);

}  // namespace freshet::cli

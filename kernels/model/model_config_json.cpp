#include "kernels/model/architecture.hpp"
#include "kernels/model/quantisation_section.hpp"

namespace freshet::model {

std::string to_json(const model_config& config) {
  using nlohmann::json;
  json root = json::parse(config.document, nullptr, false);
  if (!root.is_object()) root = json::object();  // no document: the configuration was made in code
  const architecture& kind = architecture_of(config);
  if (!root.contains("architectures")) root["architectures"] = json::array({kind.class_name});
  root["model_type"] = kind.model_type;
  put_quantisation(root, config.quantisation);
  kind.write(config, root);
  return root.dump(2) + "\n";
}

}  // namespace freshet::model

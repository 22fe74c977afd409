#include "kernels/model/parameter_list.hpp"

namespace freshet::model {

void list_tensor(parameter_list& to, std::string name, std::vector<std::int64_t> shape) {
  to.emplace_back(std::move(name), std::move(shape));
}

void list_linear(parameter_list& to, const std::string& name, std::int64_t out, std::int64_t in, bool bias) {
  list_tensor(to, name + ".weight", {out, in});
  if (bias) list_tensor(to, name + ".bias", {out});
}

void list_norm(parameter_list& to, const std::string& name, std::int64_t width) {
  list_tensor(to, name + ".weight", {width});
  list_tensor(to, name + ".bias", {width});
}

parameter_list expected_parameters(const model_config& config) {
  parameter_list out;
  if (config.vision && config.projector) {
    if (config.vision->kind == vision_kind::qwen2_vl) {
      list_grid_tower(out, *config.vision);
    } else {
      list_vision_tower(out, *config.vision);
    }
    list_connector(out, *config.projector, *config.vision, config.text.hidden_size);
  }
  list_decoder(out, config.text);
  return out;
}

}  // namespace freshet::model

#include "kernels/model/connector.hpp"

#include <ATen/ATen.h>

#include "kernels/model/parameter_list.hpp"
#include "kernels/model/part_names.hpp"

namespace freshet::model {
namespace {

constexpr double merger_eps = 1e-6;
const std::string connector_prefix(connector_part);

}  // namespace

void list_connector(parameter_list& to, const projector_config& config, const vision_config& v,
                    std::int64_t text_width) {
  const std::int64_t cell = v.hidden_size * v.merge * v.merge;
  switch (config.kind) {
    case connector_kind::mlp:
      list_linear(to, connector_prefix + "linear_1", text_width, cell, config.bias);
      list_linear(to, connector_prefix + "linear_2", text_width, text_width, config.bias);
      break;
    case connector_kind::pixel_shuffle:
      list_linear(to, connector_prefix + "modality_projection.proj", text_width, cell, false);
      break;
    case connector_kind::patch_merger:
      list_norm(to, connector_prefix + "ln_q", v.hidden_size);
      list_linear(to, connector_prefix + "mlp.0", cell, cell, true);
      list_linear(to, connector_prefix + "mlp.2", text_width, cell, true);
      break;
  }
}

connector::connector(const projector_config& config, const vision_config& v, const parameters& from, double lora_scale)
    : kind_(config.kind), act_(config.hidden_act), patches_per_cell_(v.merge * v.merge) {
  switch (kind_) {
    case connector_kind::mlp:
      first_ = linear::take(from, connector_prefix + "linear_1", lora_scale);
      second_ = linear::take(from, connector_prefix + "linear_2", lora_scale);
      break;
    case connector_kind::pixel_shuffle:
      first_ = linear::take(from, connector_prefix + "modality_projection.proj", lora_scale);
      break;
    case connector_kind::patch_merger:
      norm_ = layer_norm::take(from, connector_prefix + "ln_q", merger_eps);
      first_ = linear::take(from, connector_prefix + "mlp.0", lora_scale);
      second_ = linear::take(from, connector_prefix + "mlp.2", lora_scale);
      break;
  }
}

at::Tensor connector::operator()(const at::Tensor& features) const {
  const auto cells = [&](const at::Tensor& x) {
    return x.reshape({x.size(0), x.size(1) / patches_per_cell_, x.size(2) * patches_per_cell_});
  };
  switch (kind_) {
    case connector_kind::mlp: return second_(activate(act_, first_(features)));
    case connector_kind::pixel_shuffle: return first_(cells(features));
    case connector_kind::patch_merger: return second_(activate(activation::gelu, first_(cells(norm_(features)))));
  }
  return features;
}

}  // namespace freshet::model

#include "kernels/model/lora.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "kernels/model/part_names.hpp"

namespace freshet::model {

std::vector<std::int64_t> lora_a_shape(std::vector<std::int64_t> weight, std::int64_t rank) {
  weight[0] = rank;
  return weight;
}

std::vector<std::int64_t> lora_b_shape(const std::vector<std::int64_t>& weight, std::int64_t rank) {
  std::vector<std::int64_t> shape(weight.size(), 1);
  shape[0] = weight[0];
  shape[1] = rank;
  return shape;
}

std::vector<std::pair<std::string, std::vector<std::int64_t>>> adaptable_layers(const parameters& of) {
  constexpr std::string_view suffix = ".weight";
  constexpr std::string_view adapter = ".lora_";
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> out;
  for (const auto& [name, value] : of.all()) {
    const bool weight = name.size() >= suffix.size() && name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
    if (!weight || (value.dim() != 2 && value.dim() != 4) || name.find(adapter) != std::string::npos) continue;
    out.emplace_back(name.substr(0, name.size() - suffix.size()), value.sizes().vec());
  }
  for (const auto& [layer, w] : of.all_quantised()) out.push_back({layer, {w.shape.out, w.shape.in}});
  return out;
}

result<std::int64_t> add_lora(parameters& to, const lora_spec& spec) {
  if (spec.rank < 1) return error{errc::invalid_argument, "lora rank " + std::to_string(spec.rank) + ", wants at least 1"};
  if (!spec.train_vision) to.freeze(tower_part);
  const rng base(spec.seed);
  std::int64_t layers = 0;
  std::vector<std::pair<std::string, at::Tensor>> fresh;
  const auto adapt = [&](const std::string& layer, const std::vector<std::int64_t>& shape) {
    if (to.frozen(layer)) return;
    const std::string last = layer.substr(layer.rfind('.') + 1);
    if (std::find(spec.targets.begin(), spec.targets.end(), last) == spec.targets.end()) return;
    // What one output reads: all inputs of a linear layer, a window of all channels of a convolution.
    std::int64_t in = 1;
    for (std::size_t d = 1; d < shape.size(); ++d) in *= shape[d];
    const double bound = 1.0 / std::sqrt(static_cast<double>(in));
    rng draw = base.split(layer);
    std::vector<float> a(static_cast<std::size_t>(spec.rank * in));
    for (float& x : a) x = static_cast<float>(draw.uniform(-bound, bound));
    fresh.emplace_back(layer + ".lora_A.weight", at::tensor(a).reshape(lora_a_shape(shape, spec.rank)));
    fresh.emplace_back(layer + ".lora_B.weight", at::zeros(lora_b_shape(shape, spec.rank)));
    ++layers;
  };
  for (const auto& [layer, shape] : adaptable_layers(to)) adapt(layer, shape);
  if (layers == 0) {
    std::string wanted;
    for (const std::string& t : spec.targets) wanted += (wanted.empty() ? "" : ", ") + t;
    const std::string where = spec.train_vision ? "" : " outside of the frozen vision tower";
    return error{errc::not_found, "no linear layer or convolution" + where + " is named by the lora targets [" + wanted + "]"};
  }
  for (auto& [name, value] : fresh) to.set(name, std::move(value));
  return layers;
}

}  // namespace freshet::model

#include "kernels/model/lora.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace freshet::model {

namespace {

/// The shape of a weight with `rank` outputs.
std::vector<std::int64_t> with_outputs(std::vector<std::int64_t> shape, std::int64_t rank) {
  shape[0] = rank;
  return shape;
}

}  // namespace

result<std::int64_t> add_lora(parameters& to, const lora_spec& spec) {
  if (spec.rank < 1) return error{errc::invalid_argument, "lora rank " + std::to_string(spec.rank) + ", wants at least 1"};
  const rng base(spec.seed);
  std::int64_t layers = 0;
  std::vector<std::pair<std::string, at::Tensor>> fresh;
  constexpr std::string_view suffix = ".weight";
  const auto adapt = [&](const std::string& layer, const std::vector<std::int64_t>& shape) {
    const std::string last = layer.substr(layer.rfind('.') + 1);
    if (std::find(spec.targets.begin(), spec.targets.end(), last) == spec.targets.end()) return;
    // What one output reads: all inputs of a linear layer, a window of all channels of a convolution.
    std::int64_t in = 1;
    for (std::size_t d = 1; d < shape.size(); ++d) in *= shape[d];
    const double bound = 1.0 / std::sqrt(static_cast<double>(in));
    rng draw = base.split(layer);
    std::vector<float> a(static_cast<std::size_t>(spec.rank * in));
    for (float& x : a) x = static_cast<float>(draw.uniform(-bound, bound));
    fresh.emplace_back(layer + ".lora_A.weight", at::tensor(a).reshape(with_outputs(shape, spec.rank)));
    std::vector<std::int64_t> up(shape.size(), 1);
    up[0] = shape[0];
    up[1] = spec.rank;
    fresh.emplace_back(layer + ".lora_B.weight", at::zeros(up));
    ++layers;
  };
  for (const auto& [name, value] : to.all()) {
    if ((value.dim() != 2 && value.dim() != 4) || name.size() < suffix.size() ||
        name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0) {
      continue;
    }
    adapt(name.substr(0, name.size() - suffix.size()), value.sizes().vec());
  }
  for (const auto& [layer, w] : to.all_quantised()) adapt(layer, {w.shape.out, w.shape.in});
  if (layers == 0) {
    std::string wanted;
    for (const std::string& t : spec.targets) wanted += (wanted.empty() ? "" : ", ") + t;
    return error{errc::not_found, "no linear layer or convolution is named by the lora targets [" + wanted + "]"};
  }
  for (auto& [name, value] : fresh) to.set(name, std::move(value));
  return layers;
}

}  // namespace freshet::model

#include "kernels/model/lora.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace freshet::model {

namespace {

/// The shape of a weight with `rank` outputs.
std::vector<std::int64_t> with_outputs(const at::Tensor& weight, std::int64_t rank) {
  std::vector<std::int64_t> shape = weight.sizes().vec();
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
  for (const auto& [name, value] : to.all()) {
    if ((value.dim() != 2 && value.dim() != 4) || name.size() < suffix.size() ||
        name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0) {
      continue;
    }
    const std::string layer = name.substr(0, name.size() - suffix.size());
    const std::string last = layer.substr(layer.rfind('.') + 1);
    if (std::find(spec.targets.begin(), spec.targets.end(), last) == spec.targets.end()) continue;
    // What one output reads: all inputs of a linear layer, a window of all channels of a convolution.
    const std::int64_t in = value.numel() / std::max<std::int64_t>(1, value.size(0));
    const double bound = 1.0 / std::sqrt(static_cast<double>(in));
    rng draw = base.split(layer);
    std::vector<float> a(static_cast<std::size_t>(spec.rank * in));
    for (float& x : a) x = static_cast<float>(draw.uniform(-bound, bound));
    fresh.emplace_back(layer + ".lora_A.weight", at::tensor(a).reshape(with_outputs(value, spec.rank)));
    std::vector<std::int64_t> up(static_cast<std::size_t>(value.dim()), 1);
    up[0] = value.size(0);
    up[1] = spec.rank;
    fresh.emplace_back(layer + ".lora_B.weight", at::zeros(up));
    ++layers;
  }
  if (layers == 0) {
    std::string wanted;
    for (const std::string& t : spec.targets) wanted += (wanted.empty() ? "" : ", ") + t;
    return error{errc::not_found, "no linear layer or convolution is named by the lora targets [" + wanted + "]"};
  }
  for (auto& [name, value] : fresh) to.set(name, std::move(value));
  return layers;
}

}  // namespace freshet::model

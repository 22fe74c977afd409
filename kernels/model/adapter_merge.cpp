#include "kernels/model/adapter_merge.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "kernels/model/layers.hpp"
#include "kernels/model/model_folder.hpp"
#include "kernels/model/multimodal.hpp"
#include "kernels/model/peft.hpp"

namespace freshet::model {
namespace {

constexpr std::string_view a_suffix = ".lora_A.weight";

}  // namespace

result<merged_adapter> merge_adapter(const std::filesystem::path& base, const std::filesystem::path& adapter,
                                     const std::filesystem::path& to) {
  const at::NoGradGuard no_grad;
  FRESHET_TRY_ASSIGN(multimodal net, multimodal::load(base));
  if (net.config().quantisation) {
    return error{errc::unsupported, base.string() + " has " + std::to_string(net.config().quantisation->bits) +
                                        "-bit weights, which a merged matrix does not fit; merge into the one in float, then quantize"};
  }
  FRESHET_TRY_ASSIGN(const lora_adapter taken, load_peft(adapter, net.config(), net.weights()));
  merged_adapter done;
  std::vector<std::pair<std::string, at::Tensor>> changed = taken.norms_and_biases;
  done.norms_and_biases = changed.size();
  parameters with = net.weights();
  for (const auto& [name, value] : taken.matrices) with.set(name, value);
  for (const auto& [name, value] : taken.matrices) {
    if (name.size() <= a_suffix.size() || name.compare(name.size() - a_suffix.size(), a_suffix.size(), a_suffix) != 0) continue;
    const std::string layer = name.substr(0, name.size() - a_suffix.size());
    changed.emplace_back(layer + ".weight", adapted_weight::take(with, layer, taken.scale)().contiguous());
    ++done.layers;
  }
  net.exchange(changed, {}, 0);
  FRESHET_TRY(copy_beside_weights(base, to));
  FRESHET_TRY(net.save(to));
  return done;
}

}  // namespace freshet::model

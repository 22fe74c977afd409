#include "kernels/model/quantised_checkpoint.hpp"

#include "kernels/model/quantised_weight.hpp"

namespace freshet::model {
namespace {

constexpr std::string_view weight_suffix = ".weight";
constexpr std::int64_t smallest_group = 32;

/// X of X.weight; empty for other names.
std::string layer_of(const std::string& parameter) {
  if (parameter.size() <= weight_suffix.size() ||
      parameter.compare(parameter.size() - weight_suffix.size(), weight_suffix.size(), weight_suffix) != 0) {
    return {};
  }
  return parameter.substr(0, parameter.size() - weight_suffix.size());
}

}  // namespace

bool is_words(const std::string& layer) {
  const std::string last = layer.substr(layer.rfind('.') + 1);
  return last == "embed_tokens" || last == "lm_head";
}

quantisation_config format_of_rows(std::int64_t in, const quantisation_config& config) {
  return config.bits == 4 && in % smallest_group != 0 ? quantisation_config{8, quant::whole_row} : config;
}

bool is_quantisable(const std::string& parameter, const std::vector<std::int64_t>& shape) {
  return shape.size() == 2 && !layer_of(parameter).empty() && parameter.find("position_embedding") == std::string::npos;
}

bool is_quantised_in(const checkpoint& files, const key_spelling& spelling, const std::string& parameter) {
  const std::string layer = layer_of(parameter);
  return !layer.empty() && files.contains(spelling.in_file(layer + levels_suffix));
}

std::array<std::string, 2> quantised_names(const key_spelling& spelling, const std::string& parameter) {
  const std::string layer = layer_of(parameter);
  return {spelling.in_file(layer + levels_suffix), spelling.in_file(layer + scales_suffix)};
}

result<void> take_quantised(const checkpoint& files, const key_spelling& spelling, const std::string& parameter,
                            const std::vector<std::int64_t>& shape, const quantisation_config& config, parameters& to) {
  const std::string layer = layer_of(parameter);
  const auto names = quantised_names(spelling, parameter);
  FRESHET_TRY_ASSIGN(host_tensor levels, files.get(names[0]));
  FRESHET_TRY_ASSIGN(host_tensor scales, files.get(names[1]));
  const std::string what = files.origin() + ": " + layer;
  FRESHET_TRY_ASSIGN(const quant::packed_weight w,
                     quant::adopt_packed(std::move(levels), std::move(scales), shape.at(0), shape.at(1), what));
  const quantisation_config wanted = format_of_rows(w.shape.in, config);
  const bool as_configured = w.shape.bits == wanted.bits && w.shape.group == wanted.group_size;
  if (!as_configured && !(is_words(layer) && w.shape.bits == 8)) {
    return error{errc::unsupported, what + ": " + std::to_string(w.shape.bits) + " bits in groups of " +
                                        std::to_string(w.shape.group) + ", quantization_config says " +
                                        std::to_string(config.bits) + " in groups of " + std::to_string(config.group_size)};
  }
  to.set_quantised(layer, to_torch(w));
  return {};
}

}  // namespace freshet::model

#include "kernels/model/quantise_model.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "kernels/model/part_names.hpp"
#include "kernels/model/quantised_checkpoint.hpp"
#include "kernels/quant/quantiser.hpp"

namespace freshet::model {
namespace {

constexpr std::size_t most_moment_bytes = std::size_t{1} << 30;
// Of the mean diagonal, added to all of it (arXiv 2210.17323, section 3.3).
constexpr double damping = 0.01;

quantisation_config format_of(const std::string& layer, std::int64_t in, const quantise_options& options) {
  if (!is_words(layer) || options.head_bits == options.format.bits) return format_of_rows(in, options.format);
  return {options.head_bits, options.head_bits == 8 ? quant::whole_row : options.format.group_size};
}

/// What stands before the name's part behind its last number: the layers of one transformer block share it.
std::string block_of(const std::string& layer) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < layer.size(); ++i) {
    if (layer[i] == '.' && i > 0 && std::isdigit(static_cast<unsigned char>(layer[i - 1])) != 0) end = i;
  }
  return end == 0 ? layer : layer.substr(0, end);
}

/// Σ x xᵀ of what a layer read.
struct moments {
  at::Tensor sum;  ///< f32 [in, in]
  std::int64_t rows = 0;
};

struct gptq_input {
  at::Tensor columns;  ///< f32 [in]
  at::Tensor upper;    ///< f32 [in, in]
};

result<gptq_input> factor(const moments& m, const std::string& layer) {
  at::Tensor h = m.sum.to(at::kDouble) / static_cast<double>(std::max<std::int64_t>(1, m.rows));
  const at::Tensor columns = h.diagonal().clone();
  const double mean = columns.mean().item<double>();
  if (!(mean > 0)) return error{errc::corrupt, layer + ": the calibration gave it nothing but zeros, or what is not finite"};
  h.diagonal().add_(damping * mean);
  const at::Tensor inverse = at::cholesky_inverse(at::linalg_cholesky(h));
  return gptq_input{columns.to(at::kFloat).contiguous(), at::linalg_cholesky(inverse, true).to(at::kFloat).contiguous()};
}

result<quant::packed_weight> round_layer(const std::string& layer, const at::Tensor& dense,
                                         const quant::packed_shape& shape, rounding method, const moments* seen) {
  const at::Tensor values = dense.to(at::kFloat).contiguous();
  const float* w = values.data_ptr<float>();
  // An embedding alone is looked up, not multiplied with: nothing was seen of it.
  if (method == rounding::nearest) return quant::quantise_nearest(w, shape, layer);
  if (seen == nullptr || seen->rows == 0) return quant::quantise_searched(w, shape, nullptr, layer);
  if (method == rounding::searched) {
    const at::Tensor columns = (seen->sum.diagonal() / static_cast<double>(seen->rows)).contiguous();
    return quant::quantise_searched(w, shape, columns.data_ptr<float>(), layer);
  }
  FRESHET_TRY_ASSIGN(const gptq_input input, factor(*seen, layer));
  return quant::quantise_gptq(w, shape, input.columns.data_ptr<float>(), input.upper.data_ptr<float>(), layer);
}

}  // namespace

std::vector<std::string> quantisable_layers(const model_config& config, const quantise_options& options) {
  std::vector<std::string> out;
  std::vector<std::string> words;
  for (const auto& [name, shape] : expected_parameters(config)) {
    if (!is_quantisable(name, shape)) continue;
    if (options.float_vision && name.compare(0, tower_part.size(), tower_part) == 0) continue;
    const std::string layer = name.substr(0, name.rfind('.'));
    if (!is_words(layer)) {
      out.push_back(layer);
    } else if (options.head_bits != 0) {
      words.push_back(layer);
    }
  }
  // What reads or gives words last: as the head, an embedding is the end of a pass.
  out.insert(out.end(), words.begin(), words.end());
  return out;
}

result<multimodal> quantise_model(const multimodal& dense, const quantise_options& options, const calibration_run& calibrate,
                                  const std::function<void(const std::string&, double)>& progress) {
  if (dense.config().quantisation) return error{errc::invalid_argument, "the model is quantised already; start from the one in float"};
  const at::NoGradGuard no_grad;
  const std::vector<std::string> layers = quantisable_layers(dense.config(), options);
  std::map<std::string, quant::packed_shape> shapes;
  std::string problems;
  for (const std::string& layer : layers) {
    const at::Tensor& w = dense.weights().at(layer + ".weight");
    const quantisation_config format = format_of(layer, w.size(1), options);
    const auto shape = quant::make_packed_shape(w.size(0), w.size(1), format.bits, format.group_size, layer);
    if (shape.ok()) {
      shapes.emplace(layer, *shape);
    } else {
      problems += "\n  " + shape.err().context;
    }
  }
  if (!problems.empty()) return error{errc::invalid_argument, "these layers cannot be quantised so:" + problems};

  std::map<std::string, quantised_weight> made;
  std::size_t at = 0;
  while (at < layers.size()) {
    // One block, as far as its moments fit into memory.
    std::size_t end = at;
    std::size_t bytes = 0;
    while (end < layers.size() && block_of(layers[end]) == block_of(layers[at])) {
      const auto in = static_cast<std::size_t>(shapes.at(layers[end]).in);
      if (end > at && bytes + in * in * sizeof(float) > most_moment_bytes) break;
      bytes += in * in * sizeof(float);
      ++end;
    }
    std::map<std::string, moments> seen;
    if (options.method != rounding::nearest) {
      for (std::size_t i = at; i < end; ++i) {
        const std::int64_t in = shapes.at(layers[i]).in;
        seen[layers[i]].sum = at::zeros({in, in});
      }
      const multimodal so_far = made.empty() ? dense : dense.with_quantised(made, options.format);
      const watch_linears watch([&](const std::string& layer, const at::Tensor& x) {
        const auto found = seen.find(layer);
        if (found == seen.end()) return;
        const at::Tensor rows = x.reshape({-1, x.size(-1)});
        found->second.sum.addmm_(rows.t(), rows);
        found->second.rows += rows.size(0);
      });
      calibrate(so_far);
    }
    for (; at < end; ++at) {
      const std::string& layer = layers[at];
      progress(layer, static_cast<double>(at) / static_cast<double>(layers.size()));
      const auto found = seen.find(layer);
      FRESHET_TRY_ASSIGN(const quant::packed_weight w,
                         round_layer(layer, dense.weights().at(layer + ".weight"), shapes.at(layer), options.method,
                                     found == seen.end() ? nullptr : &found->second));
      made.emplace(layer, to_torch(w));
    }
  }
  progress("", 1);
  return dense.with_quantised(made, options.format);
}

}  // namespace freshet::model

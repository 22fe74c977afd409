#include "kernels/model/quantised_weight.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "kernels/base/check.hpp"
#include "kernels/model/tensor_bridge.hpp"
#include "kernels/quant/activations.hpp"
#include "kernels/quant/adapter.hpp"
#include "kernels/quant/product.hpp"

#if !defined(_OPENMP)
#error "at::parallel_for, a header, runs on one thread where it is compiled without OpenMP"
#endif

namespace freshet::model {
namespace {

constexpr std::uintptr_t cache_line_bytes = 64;

/// What makes a call worth a second thread, in multiplications.
constexpr std::int64_t worth_a_thread = 1 << 20;

struct adapter {
  at::Tensor a, b;
  double scale = 0;
};

struct layer_output {
  at::Tensor y;  ///< [.., out]
  at::Tensor h;  ///< [rows, rank] or undefined
};

layer_output forward_of(const at::Tensor& input, const quantised_weight& w, const at::Tensor& bias, const adapter& lora) {
  FRESHET_ENSURE(input.scalar_type() == at::kFloat && input.size(-1) == w.shape.in,
                 "quantised_linear: x must be f32 with as many columns as the weight");
  const at::Tensor x = input.contiguous();
  const std::int64_t rows = x.numel() / w.shape.in;
  std::vector<std::int64_t> dims = x.sizes().vec();
  dims.back() = w.shape.out;
  layer_output out;
  out.y = at::empty(dims, x.options());
  if (rows == 0) return out;
  // Of a thread that lives long: its memory serves the next layer.
  static thread_local quant::quantised_rows steps;
  quant::quantise_rows(x.data_ptr<float>(), rows, w.shape.in, w.shape.in, steps);
  const at::Tensor bias_values = bias.defined() ? bias.contiguous() : bias;
  at::Tensor b;
  quant::layer_finish finish;
  if (bias.defined()) finish.bias = bias_values.data_ptr<float>();
  if (lora.a.defined()) {
    const at::Tensor a = lora.a.contiguous();
    b = lora.b.contiguous();
    finish.rank = a.size(0);
    out.h = at::empty({rows, finish.rank}, x.options());
    quant::adapter_down(x.data_ptr<float>(), rows, w.shape.in, w.shape.in, a.data_ptr<float>(), finish.rank,
                        out.h.data_ptr<float>());
    finish.h = out.h.data_ptr<float>();
    finish.b = b.data_ptr<float>();
    finish.scale = static_cast<float>(lora.scale);
  }
  float* y = out.y.data_ptr<float>();
  const quant::packed_view view = w.view();
  const quant::quantised_rows& shared = steps;
  const std::int64_t grain = std::max<std::int64_t>(1, worth_a_thread / (rows * w.shape.in * quant::panel_rows));
  at::parallel_for(0, w.shape.panels(), grain, [&](std::int64_t first, std::int64_t last) {
    quant::multiply(view, shared, first, last, y, w.shape.out);
    quant::finish_rows(y, rows, w.shape.out, first * quant::panel_rows, std::min(last * quant::panel_rows, w.shape.out),
                       finish);
  });
  return out;
}

// LibTorch 1.13 takes no undefined tensor through a function of one's own: an empty one stands for it.
at::Tensor or_empty(const at::Tensor& t) { return t.defined() ? t : at::empty({0}); }
at::Tensor or_undefined(const at::Tensor& t) { return t.numel() > 0 ? t : at::Tensor(); }

struct quantised_function : torch::autograd::Function<quantised_function> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& bias,
                            const at::Tensor& a, const at::Tensor& b, const at::Tensor& levels, const at::Tensor& scales,
                            std::int64_t out, std::int64_t bits, std::int64_t group, double scale) {
    const quantised_weight w{{out, x.size(-1), static_cast<int>(bits), group}, levels, scales};
    const layer_output made = forward_of(x, w, or_undefined(bias), {or_undefined(a), or_undefined(b), scale});
    context->save_for_backward({x, a, b, or_empty(made.h), levels, scales});
    context->saved_data["out"] = out;
    context->saved_data["bits"] = bits;
    context->saved_data["group"] = group;
    context->saved_data["scale"] = scale;
    context->saved_data["bias"] = bias.requires_grad();
    context->saved_data["x"] = x.requires_grad();
    return made.y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor a = or_undefined(saved[1]);
    const at::Tensor b = or_undefined(saved[2]);
    const at::Tensor& h = saved[3];
    const std::int64_t in = x.size(-1);
    const std::int64_t out = context->saved_data["out"].toInt();
    const quantised_weight w{{out, in, static_cast<int>(context->saved_data["bits"].toInt()), context->saved_data["group"].toInt()},
                             saved[4], saved[5]};
    const double scale = context->saved_data["scale"].toDouble();
    const at::Tensor gy = gradients[0].reshape({-1, out});
    torch::autograd::variable_list grads(10);
    const at::Tensor gh = a.defined() ? at::mm(gy, b).mul_(scale) : at::Tensor();  // [rows, rank]
    if (context->saved_data["x"].toBool()) {
      at::Tensor gx = at::mm(gy, dequantise(w));
      if (a.defined()) gx.addmm_(gh, a);
      grads[0] = gx.view(x.sizes());
    }
    if (context->saved_data["bias"].toBool()) grads[1] = gy.sum(0);
    if (a.defined() && a.requires_grad()) grads[2] = at::mm(gh.t(), x.reshape({-1, in}));
    if (b.defined() && b.requires_grad()) grads[3] = at::mm(gy.t(), h).mul_(scale);
    return grads;
  }
};

}  // namespace

quant::packed_view quantised_weight::view() const {
  return {shape, levels.data_ptr<std::uint8_t>(), static_cast<const std::uint8_t*>(scales.data_ptr())};
}

quantised_weight to_torch(const quant::packed_weight& w) {
  const auto in_place = [](const host_tensor& t) {
    const at::Tensor shared = to_torch(t);
    return reinterpret_cast<std::uintptr_t>(t.data()) % cache_line_bytes == 0 ? shared : shared.clone();
  };
  return {w.shape, in_place(w.q), in_place(w.scales)};
}

at::Tensor dequantise(const quantised_weight& w) {
  at::Tensor out = at::empty({w.shape.out, w.shape.in}, at::kFloat);
  float* to = out.data_ptr<float>();
  const quant::packed_view view = w.view();
  const std::int64_t grain = std::max<std::int64_t>(1, (1 << 16) / w.shape.in);
  at::parallel_for(0, w.shape.out, grain, [&](std::int64_t first, std::int64_t last) {
    quant::dequantise_rows(view, first, last - first, to + first * w.shape.in);
  });
  return out;
}

at::Tensor embedding_rows(const quantised_weight& w, const at::Tensor& ids) {
  const at::Tensor flat = ids.contiguous();
  std::vector<std::int64_t> dims = flat.sizes().vec();
  dims.push_back(w.shape.in);
  at::Tensor out = at::empty(dims, at::kFloat);
  const auto* id = flat.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < flat.numel(); ++i) {
    FRESHET_ENSURE(id[i] >= 0 && id[i] < w.shape.out, "embedding_rows: an id without a row");
    quant::dequantise_rows(w.view(), id[i], 1, out.data_ptr<float>() + i * w.shape.in);
  }
  return out;
}

at::Tensor quantised_linear(const at::Tensor& x, const quantised_weight& w, const at::Tensor& bias, const at::Tensor& a,
                            const at::Tensor& b, double scale) {
  const auto wants = [](const at::Tensor& t) { return t.defined() && t.requires_grad(); };
  if (!at::GradMode::is_enabled() || !(wants(x) || wants(bias) || wants(a) || wants(b))) {
    return forward_of(x, w, bias, {a, b, scale}).y;
  }
  return quantised_function::apply(x, or_empty(bias), or_empty(a), or_empty(b), w.levels, w.scales, w.shape.out, static_cast<std::int64_t>(w.shape.bits),
                                   w.shape.group, scale);
}

}  // namespace freshet::model

#include "kernels/model/trainable_set.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>

namespace freshet::model {

bool is_trainable(const std::string& name) {
  const auto ends_with = [&](std::string_view s) {
    return name.size() >= s.size() && name.compare(name.size() - s.size(), s.size(), s) == 0;
  };
  if (ends_with(".bias") || ends_with(".lora_A.weight") || ends_with(".lora_B.weight")) return true;
  if (!ends_with(".weight")) return false;
  // CLIP spells one of its norms "layrnorm"; Qwen2-VL's merger has one that is called ln_q.
  const std::string layer = name.substr(0, name.size() - 7);
  const std::string last = layer.substr(layer.rfind('.') + 1);
  return last.find("norm") != std::string::npos || last == "ln_q";
}

trainable_set trainable_set::of(const parameters& model) {
  trainable_set set;
  for (const auto& [name, value] : model.all()) {
    if (is_trainable(name) && !model.frozen(name)) set.tensors_.push_back({name, value, 0});
  }
  std::sort(set.tensors_.begin(), set.tensors_.end(),
            [](const trainable_tensor& a, const trainable_tensor& b) { return a.name < b.name; });
  for (trainable_tensor& t : set.tensors_) {
    t.offset = set.size_;
    set.size_ += static_cast<std::uint64_t>(t.value.numel());
  }
  return set;
}

host_tensor trainable_set::read() const {
  std::vector<float> flat(size_);
  for (const trainable_tensor& t : tensors_) {
    const at::Tensor values = t.value.detach().to(at::kCPU, at::kFloat).contiguous();
    std::memcpy(flat.data() + t.offset, values.data_ptr<float>(), static_cast<std::size_t>(values.numel()) * 4);
  }
  return host_tensor::of(std::move(flat));
}

host_tensor trainable_set::read_gradients() const {
  std::vector<float> flat(size_, 0.0F);
  for (const trainable_tensor& t : tensors_) {
    const at::Tensor& gradient = t.value.grad();
    if (!gradient.defined()) continue;
    const at::Tensor values = gradient.to(at::kCPU, at::kFloat).contiguous();
    std::memcpy(flat.data() + t.offset, values.data_ptr<float>(), static_cast<std::size_t>(values.numel()) * 4);
  }
  return host_tensor::of(std::move(flat));
}

result<void> trainable_set::write(const host_tensor& values) const {
  if (values.type() != dtype::f32 || values.items() != size_) {
    return error{errc::shape_mismatch, "trainable set wants f32 [" + std::to_string(size_) + "], got " +
                                           std::string(name(values.type())) + " [" + std::to_string(values.items()) + "]"};
  }
  const float* from = values.as<float>();
  for (const trainable_tensor& t : tensors_) {
    // Aliases our immutable input only to read it.
    const at::Tensor source = at::from_blob(const_cast<float*>(from + t.offset), t.value.sizes(), at::kFloat);
    t.value.detach().copy_(source);
  }
  return {};
}

std::string trainable_set::signature() const {
  std::string text;
  for (const trainable_tensor& t : tensors_) {
    text += t.name;
    for (std::int64_t d : t.value.sizes()) text += ' ' + std::to_string(d);
    text += '\n';
  }
  return text;
}

}  // namespace freshet::model

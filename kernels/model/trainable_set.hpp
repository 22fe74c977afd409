// The CD-CCA trainable set (arXiv 2312.16279): norm and bias parameters and LoRA matrices, as one
// named, ordered, flat vector. Cloud and devices derive the same order from the same model, so
// only values ever travel.
// Thread contract: reads and writes the model's tensors; call it on the model's thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/host_tensor.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/model/parameters.hpp"

namespace freshet::model {

struct trainable_tensor {
  std::string name;
  at::Tensor value;
  std::uint64_t offset = 0;  ///< into the flat vector
};

class trainable_set {
 public:
  /// Picks by name: *norm*.{weight,bias}, any .bias, lora_A and lora_B, of parts that are not frozen. Sorted by name.
  static trainable_set of(const parameters& model);

  [[nodiscard]] const std::vector<trainable_tensor>& tensors() const { return tensors_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// f32 [N], a copy.
  [[nodiscard]] host_tensor read() const;
  /// Gradients as f32 [N]; zero where a tensor has none.
  [[nodiscard]] host_tensor read_gradients() const;
  /// Writes all values in place. `values` f32 [N].
  result<void> write(const host_tensor& values) const;
  /// Hash of names and shapes, in order.
  [[nodiscard]] std::string signature() const;

 private:
  std::vector<trainable_tensor> tensors_;
  std::uint64_t size_ = 0;
};

/// True when CD-CCA trains a parameter of that name.
[[nodiscard]] bool is_trainable(const std::string& name);

}  // namespace freshet::model

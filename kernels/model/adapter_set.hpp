// Several adapters resident beside one base model, one of them (or none) in use. Changing over exchanges handles
// between two inferences: no tensor is copied, the base least of all.
// Ownership: the set owns its adapters; the model that is given to use() must be the one that it was made for.
// Thread contract: the model's thread.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/base/result.hpp"
#include "kernels/model/multimodal.hpp"
#include "kernels/model/peft.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace freshet::model {

class adapter_set {
 public:
  /// Remembers the base's norms and biases. The model must wear no adapter yet.
  explicit adapter_set(const multimodal& base);

  /// Norms and biases that the adapter lacks are copied from the base (they are small), so that training with one
  /// adapter in use changes neither the base nor the others. errc::invalid_argument for a name that is taken or empty.
  result<void> add(const std::string& name, lora_adapter adapter);
  /// errc::invalid_argument while it is in use, errc::not_found.
  result<void> remove(const std::string& name);

  /// From the next call of the model on. errc::not_found lists the names that there are.
  result<void> use(const std::string& name, multimodal& model);
  /// The base alone.
  void use_none(multimodal& model);

  /// Empty for none.
  [[nodiscard]] const std::string& in_use() const { return in_use_; }
  [[nodiscard]] std::vector<std::string> names() const;
  /// nullptr where there is none of that name. Its tensors are those that training with it in use changes.
  [[nodiscard]] const lora_adapter* find(const std::string& name) const;

 private:
  using tensors = std::vector<std::pair<std::string, at::Tensor>>;
  void change(multimodal& model, const tensors& matrices, const tensors& norms_and_biases, double scale);

  tensors base_;
  std::map<std::string, lora_adapter> adapters_;
  std::string in_use_;
};

}  // namespace freshet::model

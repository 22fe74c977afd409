// The named tensors of a model, in a fixed order, under Hugging Face's names.
// Thread contract: none of its own; a model's owner is its only writer. Tensors are handles: a
// layer that took one sees in-place changes of its values.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/base/result.hpp"

namespace freshet::model {

class parameters {
 public:
  /// Adds or replaces; the order is that of first insertion.
  void set(const std::string& name, at::Tensor value);
  /// Nothing happens where there is none; the others keep their order.
  void erase(const std::string& name);
  [[nodiscard]] bool has(const std::string& name) const { return index_.count(name) != 0; }
  /// The tensor of that name; a missing one is a broken invariant (check_complete comes first).
  [[nodiscard]] const at::Tensor& at(const std::string& name) const;
  /// The tensor of that name, or an undefined one.
  [[nodiscard]] at::Tensor find(const std::string& name) const;

  [[nodiscard]] const std::vector<std::pair<std::string, at::Tensor>>& all() const { return items_; }
  [[nodiscard]] std::int64_t count_values() const;
  /// An independent copy of all values.
  [[nodiscard]] parameters clone() const;

 private:
  std::vector<std::pair<std::string, at::Tensor>> items_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace freshet::model

// The named tensors of a model, in a fixed order, under Hugging Face's names.
// Thread contract: none of its own; a model's owner is its only writer. Tensors are handles: a
// layer that took one sees in-place changes of its values.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/base/result.hpp"
#include "kernels/model/quantised_weight.hpp"

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
  /// Of a quantised matrix its weights are counted, not its bytes.
  [[nodiscard]] std::int64_t count_values() const;
  /// An independent copy of all values; quantised matrices, which nobody writes, are shared.
  [[nodiscard]] parameters clone() const;

  /// Puts `layer`.qweight and `layer`.scales where set() would put `layer`.weight.
  void set_quantised(const std::string& layer, quantised_weight value);
  /// The matrix of that layer, or an undefined one where the layer is not quantised.
  [[nodiscard]] quantised_weight quantised(const std::string& layer) const;
  [[nodiscard]] const std::map<std::string, quantised_weight>& all_quantised() const { return quantised_; }

  /// Names that begin so are never trained (trainable_set.hpp), and get no adapters.
  void freeze(std::string_view part) { frozen_.emplace_back(part); }
  [[nodiscard]] bool frozen(const std::string& name) const;

 private:
  std::vector<std::pair<std::string, at::Tensor>> items_;
  std::unordered_map<std::string, std::size_t> index_;
  std::map<std::string, quantised_weight> quantised_;
  std::vector<std::string> frozen_;
};

}  // namespace freshet::model

// Which vision tower a model has: two models with the same one make the same features of a picture, so that what one
// encoded the other can read.
// Thread contract: one thread at a time; reads the model on its owner's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/ids.hpp"
#include "kernels/model/base_hash.hpp"
#include "kernels/model/multimodal.hpp"

namespace freshet::model {

/// Of a loaded model; 0 of a decoder alone.
[[nodiscard]] content_hash encoder_hash(const multimodal& model);

/// The same, tensor by tensor: xxh3-64 over all that the features depend on. Those are the tower's values, in the order
/// of expected_parameters, its configuration, the layer that is read, and how pixels are scaled.
class encoder_hasher {
 public:
  explicit encoder_hasher(const model_config& config);
  /// What is not of the tower is left out.
  void add(const std::string& name, const std::vector<std::int64_t>& shape, const host_tensor& values);
  [[nodiscard]] content_hash digest() const;

 private:
  bool sees_;
  base_hasher hash_;
};

}  // namespace freshet::model

// The hash of a model's base weights, of a loaded model or of a checkpoint read tensor by tensor.
// Thread contract: one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/host_tensor.hpp"

namespace freshet::model {

/// xxh3-64 over name, shape and f32 values of each parameter, in the order of expected_parameters.
class base_hasher {
 public:
  base_hasher();
  ~base_hasher();
  base_hasher(const base_hasher&) = delete;
  base_hasher& operator=(const base_hasher&) = delete;

  void add(const std::string& name, const std::vector<std::int64_t>& shape, const host_tensor& values);
  [[nodiscard]] std::uint64_t digest() const;

 private:
  void* state_;  // XXH3_state_t
};

}  // namespace freshet::model

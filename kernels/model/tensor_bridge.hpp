// Between host_tensor (messages, files) and at::Tensor, without copying where memory allows.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/base/host_tensor.hpp"

namespace freshet::model {

/// Shares the memory; the result must not be written to (host tensors are immutable).
/// dtypes without a LibTorch counterpart do not exist.
[[nodiscard]] at::Tensor to_torch(const host_tensor& t);

/// Shares the memory of a contiguous CPU tensor, else copies. The caller gives up writing to it.
[[nodiscard]] host_tensor to_host(const at::Tensor& t);

}  // namespace freshet::model

// A stretch of a model of which the way back keeps nothing but what went in: it is computed once more there, one stretch
// at a time ("gradient checkpointing", arXiv 1604.06174). Memory of one stretch instead of all, for one more forward pass.
// Thread contract: as for all tensors of a model.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace freshet::model {

/// stretch(x), value and gradients with the bits that they have when everything is kept. `trained`: the leaves besides x
/// that `stretch` reads and that may want a gradient. What `stretch` refers to must live, and stay where and as
/// it is, until the gradients are there: a model that is moved, or whose weights are exchanged, is not. A second derivative is a broken invariant.
[[nodiscard]] at::Tensor recomputed(std::function<at::Tensor(const at::Tensor& x)> stretch, const at::Tensor& x,
                                    std::vector<at::Tensor> trained);

}  // namespace freshet::model

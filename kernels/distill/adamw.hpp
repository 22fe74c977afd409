// AdamW (arXiv 1711.05101) over a list of tensors, with gradient clipping by global norm, whose
// state can be read and restored: a distiller that restarts goes on where it stopped.
// Thread contract: one thread; it writes the tensors in place.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace freshet::distill {

struct adamw_options {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  double weight_decay = 0.02;
  bool decay_all = false;      ///< decay norms and biases too; else tensors of two or more dimensions only
  double clip = 2;             ///< largest global gradient norm; 0 = no clipping
};

class adamw {
 public:
  adamw(std::vector<at::Tensor> tensors, adamw_options options);

  /// One step with the gradients that the tensors hold, which are cleared. Returns the norm before
  /// clipping. A step whose norm is not finite is skipped (and the norm tells).
  double step(double learning_rate);
  void clear_gradients();

  struct state {
    std::int64_t steps = 0;
    std::vector<at::Tensor> first, second;
  };
  [[nodiscard]] const state& current() const { return state_; }
  /// Goes on from a copy of a saved state; its tensors must have the shapes of ours (broken invariant).
  void restore(state saved);

 private:
  std::vector<at::Tensor> tensors_;
  adamw_options options_;
  state state_;
};

}  // namespace freshet::distill

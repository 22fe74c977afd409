// A small regression that says what a sample is worth, fitted in the cloud on samples whose benefit
// is known by now, and run by the `learned` gate on ranks of cheap scores.
// Thread contract: plain values, pure functions.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/base/fields.hpp"
#include "kernels/base/result.hpp"

namespace freshet::uncertainty {

/// Worth of inputs x: logistic(bias + weights . x). Inputs are ranks in [0, 1]: one a score, in the
/// gate's order, and the rank of novelty last.
struct gate_weights {
  std::vector<float> weights;
  float bias = 0;
  FRESHET_FIELDS(weights, bias)
};

/// Checks what came from outside: the right number of weights, all finite.
result<void> check_gate_weights(const gate_weights& weights, std::size_t inputs);

/// logistic(bias + weights . x), x: [weights].
double worth(const gate_weights& weights, const double* x);

/// Logistic regression by Newton's method with a ridge `l2` > 0 on the weights (not on the bias).
/// x: [count, inputs]; paid: [count] in [0, 1], how much each sample helped.
result<gate_weights> fit_gate_weights(const double* x, const double* paid, std::size_t count, std::size_t inputs,
                                      double l2 = 1.0);

}  // namespace freshet::uncertainty

#include "kernels/uncertainty/gate_weights.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace freshet::uncertainty {
namespace {

double logistic(double t) { return t >= 0 ? 1.0 / (1.0 + std::exp(-t)) : std::exp(t) / (1.0 + std::exp(t)); }

// Solves the symmetric positive definite system a x = b in place by Cholesky; a: [n, n], b becomes x.
bool solve(std::vector<double>& a, std::vector<double>& b) {
  const std::size_t n = b.size();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double s = a[i * n + j];
      for (std::size_t k = 0; k < j; ++k) s -= a[i * n + k] * a[j * n + k];
      if (i == j) {
        if (!(s > 0)) return false;
        a[i * n + i] = std::sqrt(s);
      } else {
        a[i * n + j] = s / a[j * n + j];
      }
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
  return true;
}

}  // namespace

result<void> check_gate_weights(const gate_weights& weights, std::size_t inputs) {
  if (weights.weights.size() != inputs) {
    return error{errc::shape_mismatch, "gate weights: " + std::to_string(weights.weights.size()) + " values, this gate has " +
                                           std::to_string(inputs) + " inputs"};
  }
  if (!std::isfinite(weights.bias) ||
      !std::all_of(weights.weights.begin(), weights.weights.end(), [](float w) { return std::isfinite(w); })) {
    return error{errc::corrupt, "gate weights: a value is not finite"};
  }
  return {};
}

double worth(const gate_weights& weights, const double* x) {
  double t = weights.bias;
  for (std::size_t i = 0; i < weights.weights.size(); ++i) t += static_cast<double>(weights.weights[i]) * x[i];
  return logistic(t);
}

result<gate_weights> fit_gate_weights(const double* x, const double* paid, std::size_t count, std::size_t inputs,
                                      double l2) {
  if (count == 0 || inputs == 0 || inputs > 64 || !(l2 > 0)) {
    return error{errc::invalid_argument, "gate fit: " + std::to_string(count) + " samples of " +
                                             std::to_string(inputs) + " inputs (1 to 64), ridge " + std::to_string(l2) +
                                             " (> 0)"};
  }
  for (std::size_t r = 0; r < count; ++r) {
    bool fine = paid[r] >= 0 && paid[r] <= 1;
    for (std::size_t i = 0; i < inputs; ++i) fine = fine && std::isfinite(x[r * inputs + i]);
    if (!fine) {
      return error{errc::invalid_argument, "gate fit: sample " + std::to_string(r) +
                                               " has an input that is not finite or a target outside of [0, 1]"};
    }
  }
  const std::size_t n = inputs + 1;  // the bias is the last
  std::vector<double> beta(n, 0.0);
  constexpr double bias_ridge = 1e-6;  // keeps the system solvable when all targets are equal
  constexpr int newton_steps = 30;
  constexpr double longest_step = 5.0;  // in logits: Newton overshoots on separable data
  for (int step = 0; step < newton_steps; ++step) {
    std::vector<double> hessian(n * n, 0.0);
    std::vector<double> gradient(n, 0.0);
    for (std::size_t r = 0; r < count; ++r) {
      const double* row = x + r * inputs;
      double t = beta[inputs];
      for (std::size_t i = 0; i < inputs; ++i) t += beta[i] * row[i];
      const double p = logistic(t);
      const double curvature = p * (1.0 - p);
      for (std::size_t i = 0; i < n; ++i) {
        const double xi = i < inputs ? row[i] : 1.0;
        gradient[i] += (paid[r] - p) * xi;
        for (std::size_t j = 0; j <= i; ++j) hessian[i * n + j] += curvature * xi * (j < inputs ? row[j] : 1.0);
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      const double ridge = i < inputs ? l2 : bias_ridge;
      gradient[i] -= ridge * beta[i];
      hessian[i * n + i] += ridge;
    }
    if (!solve(hessian, gradient)) return error{errc::internal, "gate fit: the system has no solution"};
    double largest = 0;
    for (double g : gradient) largest = std::max(largest, std::abs(g));
    const double damp = largest > longest_step ? longest_step / largest : 1.0;
    for (std::size_t i = 0; i < n; ++i) beta[i] += damp * gradient[i];
    if (largest < 1e-9) break;
  }
  gate_weights fitted;
  for (std::size_t i = 0; i < inputs; ++i) fitted.weights.push_back(static_cast<float>(beta[i]));
  fitted.bias = static_cast<float>(beta[inputs]);
  return fitted;
}

}  // namespace freshet::uncertainty

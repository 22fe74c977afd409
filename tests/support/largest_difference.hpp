// How far two tensors are apart.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace freshet::test {

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return a.sizes() == b.sizes() ? (a - b).abs().max().item<double>() : 1e9;
}

}  // namespace freshet::test

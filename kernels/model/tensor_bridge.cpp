#include "kernels/model/tensor_bridge.hpp"

#include <ATen/ATen.h>

namespace freshet::model {
namespace {

at::ScalarType scalar_type(dtype type) {
  switch (type) {
    case dtype::u8: return at::kByte;
    case dtype::i8: return at::kChar;
    case dtype::i16: return at::kShort;
    case dtype::i32: return at::kInt;
    case dtype::i64: return at::kLong;
    case dtype::f16: return at::kHalf;
    case dtype::bf16: return at::kBFloat16;
    case dtype::f32: return at::kFloat;
    case dtype::f64: return at::kDouble;
  }
  return at::kFloat;
}

dtype host_type(at::ScalarType type) {
  switch (type) {
    case at::kBool:
    case at::kByte: return dtype::u8;
    case at::kChar: return dtype::i8;
    case at::kShort: return dtype::i16;
    case at::kInt: return dtype::i32;
    case at::kLong: return dtype::i64;
    case at::kHalf: return dtype::f16;
    case at::kBFloat16: return dtype::bf16;
    case at::kFloat: return dtype::f32;
    case at::kDouble: return dtype::f64;
    default: FRESHET_ENSURE(false, "to_host: no host dtype for this tensor"); return dtype::f32;
  }
}

}  // namespace

at::Tensor to_torch(const host_tensor& t) {
  const auto options = at::TensorOptions().dtype(scalar_type(t.type()));
  if (t.empty()) return at::empty(t.shape(), options);
  auto owner = t.owner();
  // from_blob takes void*; the header says that nobody writes.
  return at::from_blob(const_cast<std::uint8_t*>(t.data()), t.shape(), [owner](void*) {}, options);
}

host_tensor to_host(const at::Tensor& t) {
  const at::Tensor flat = t.detach().to(at::kCPU).contiguous();
  auto owner = std::make_shared<at::Tensor>(flat);
  auto made = host_tensor::adopt(host_type(flat.scalar_type()), flat.sizes().vec(), owner, flat.data_ptr(),
                                 static_cast<std::size_t>(flat.nbytes()));
  FRESHET_ENSURE(made.ok(), "to_host: shape and bytes disagree");
  return std::move(made).value();
}

}  // namespace freshet::model

// Safetensors: a header that lies is refused; tensors that are given out lie within the file.
#include "kernels/base/check.hpp"
#include "kernels/model/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace freshet;
  const auto bytes = host_tensor::copy_of(dtype::u8, {static_cast<std::int64_t>(size)}, data);
  const auto file = model::safetensors_file::from_bytes(bytes, "fuzzed");
  if (!file.ok()) return 0;
  std::uint64_t sum = 0;
  for (const auto& entry : file->tensors()) {
    const auto tensor = file->get(entry.name);
    if (!tensor.ok()) continue;
    for (std::size_t i = 0; i < tensor->bytes(); ++i) sum += tensor->data()[i];   // the sanitizer's to judge
  }
  FRESHET_ENSURE(sum <= 255 * size, "more than the file holds");
  return 0;
}

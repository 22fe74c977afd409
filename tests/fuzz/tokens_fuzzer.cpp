// Kept tokens without loss (zstd or not, predicted or not) and as int8 features: what is refused is refused
// before it takes memory, what is taken has the size that was asked for.
#include "kernels/base/check.hpp"
#include "kernels/uncertainty/token_codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace freshet::uncertainty;
  if (size < 3) return 0;
  const bool zstd = (data[0] & 1U) != 0;
  const std::size_t count = data[1] % 65U;
  const std::size_t token_bytes = 1U + data[2];
  constexpr std::size_t most = 1U << 16;
  const auto patches = unpack_patches(data + 3, size - 3, zstd, count, token_bytes, most);
  if (patches.ok()) FRESHET_ENSURE(patches->size() == count * token_bytes, "not what was asked for");
  const auto raw = unpack_raw(data + 3, size - 3, zstd, count, token_bytes, (data[0] & 2U) != 0, most);
  if (raw.ok()) FRESHET_ENSURE(raw->size() == count * token_bytes, "not what was asked for");
  const std::vector<float> scales(count, 0.5F);
  const auto features =
      unpack_features(data + 3, size - 3, zstd, scales.data(), scales.size(), count, token_bytes, most);
  if (features.ok()) FRESHET_ENSURE(features->size() == count * token_bytes, "not what was asked for");
  return 0;
}

// Patches with loss: whatever the bytes are, check_dct() and decode_dct() agree and return; what decodes has
// the size that was asked for.
#include "kernels/base/check.hpp"
#include "kernels/uncertainty/patch_dct.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace freshet;
  // First byte: which layout; second: how many patches, in two samples.
  if (size < 2) return 0;
  constexpr std::size_t sides[] = {1, 2, 5, 8, 14, 32};
  const std::size_t side = sides[(data[0] >> 1) % 6];
  const std::size_t token_bytes = side * side * ((data[0] & 1U) != 0 ? 3 : 1);
  const std::vector<std::uint32_t> counts = {data[1] % 8U, data[1] / 8U % 8U};
  const std::size_t patches = counts[0] + counts[1];
  const auto back = uncertainty::decode_dct(data + 2, size - 2, counts, token_bytes);
  FRESHET_ENSURE(uncertainty::check_dct(data + 2, size - 2, counts, token_bytes).ok() == back.ok(), "two judgements");
  if (!back.ok()) return 0;
  FRESHET_ENSURE(back->size() == patches * token_bytes, "not what was asked for");
  // Pixels that came out can go in again.
  if (patches > 0) {
    FRESHET_ENSURE(uncertainty::encode_dct(back->data(), counts, token_bytes, {2.0 + data[0], 1.0 + data[1]}).ok(),
                   "pixels that cannot be coded");
  }
  return 0;
}

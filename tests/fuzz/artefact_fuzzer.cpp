// Artefacts and the updates inside of them: whatever the bytes are, decoding and applying return; what
// decodes can be written again to the same bytes; what is refused leaves the values alone.
#include <algorithm>
#include <cstring>

#include "kernels/base/check.hpp"
#include "kernels/delta/artefact.hpp"
#include "kernels/delta/update.hpp"
#include "tests/fuzz/fuzz_layout.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace freshet;
  const delta::layout parts = fuzz::small_layout();
  std::vector<float> values(parts.total(), 0.25F);
  const std::vector<float> before = values;
  // The payload alone: mutations get deeper without the hashes in front of it.
  if (!delta::apply_update({data, size}, parts, values.data()).ok())
    FRESHET_ENSURE(std::memcmp(values.data(), before.data(), values.size() * sizeof(float)) == 0, "refused, but applied");
  delta::artefact_limits limits;
  limits.payload_bytes = 1U << 20;
  const auto made = delta::decode_artefact({data, size}, limits);
  if (!made.ok()) {
    FRESHET_ENSURE(!made.err().context.empty(), "an error must say where");
    return 0;
  }
  const auto again = delta::encode_artefact(*made);
  FRESHET_ENSURE(again.ok() && again->size() == size && std::equal(again->begin(), again->end(), data), "other bytes");
  values = before;
  const auto applied = delta::apply_artefact(*made, parts, made->line, made->base, values);
  if (!applied.ok()) FRESHET_ENSURE(values == before, "refused, but applied");
  return 0;
}

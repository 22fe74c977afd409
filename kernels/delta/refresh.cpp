#include "kernels/delta/refresh.hpp"

#include "kernels/delta/update.hpp"

#include <string>

namespace freshet::delta {

result<refresh> make_refresh(const refresh_request& request, const update_codec& codec,
                             const std::vector<float>& mirror, version current, artefact label) {
  if (mirror.size() != request.parts.total()) {
    return error{errc::shape_mismatch, "mirror of " + std::to_string(mirror.size()) + " values for a layout of " +
                                           std::to_string(request.parts.total())};
  }
  std::vector<float> delta(mirror.size());
  for (std::size_t i = 0; i < mirror.size(); ++i) delta[i] = request.target[i] - mirror[i];
  refresh out{std::move(label), mirror};
  const encode_request encode{delta.data(), request.importance, request.parts, request.budget_bytes};
  FRESHET_TRY_ASSIGN(out.made.payload, codec.encode(encode));
  FRESHET_TRY(apply_update(out.made.payload, request.parts, out.mirror.data()));
  out.made.kind = artefact_kind::chain;
  out.made.signature.clear();
  out.made.base = current;
  out.made.made = version(current.value + 1);
  out.made.base_hash = hash_values(mirror.data(), mirror.size());
  out.made.result_hash = hash_values(out.mirror.data(), out.mirror.size());
  out.made.codec = codec.name();
  out.made.budget_bytes = request.budget_bytes;
  return out;
}

result<artefact> make_snapshot(const layout& parts, const std::vector<float>& base, const std::vector<float>& mirror,
                               version current, artefact label) {
  if (base.size() != parts.total() || mirror.size() != parts.total()) {
    return error{errc::shape_mismatch, "base of " + std::to_string(base.size()) + " and mirror of " +
                                           std::to_string(mirror.size()) + " values for a layout of " +
                                           std::to_string(parts.total())};
  }
  FRESHET_TRY_ASSIGN(artefact out, describe_snapshot(parts, base.data(), mirror.data(), current, std::move(label)));
  FRESHET_TRY_ASSIGN(out.payload, encode_exact_update(base.data(), mirror.data(), parts));
  return out;
}

result<artefact> describe_snapshot(const layout& parts, const float* base, const float* mirror, version current,
                                   artefact label) {
  if (current.value == 0) return error{errc::invalid_argument, "version 0 is the base model and needs no snapshot"};
  artefact out = std::move(label);
  out.payload.clear();
  out.kind = artefact_kind::snapshot;
  out.signature.clear();
  out.base = version(0);
  out.made = current;
  out.base_hash = hash_values(base, parts.total());
  out.result_hash = hash_values(mirror, parts.total());
  out.codec = "exact";
  out.budget_bytes = unlimited_bytes;
  return out;
}

}  // namespace freshet::delta
